"""A bearer token that expires: fetched once for all who wait, renewed before it runs out.

A request never waits for a renewal while the token in hand is still good: the renewal runs beside it. Only the first
request, and one that comes after a token has run out, waits; all who come meanwhile wait for the same fetch.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from backends.errors import BackendError
from backends.types import UpstreamRequest

RENEW_BEFORE_S = 225.0
"""How long before its end a token is renewed: as Google's own client does it (google-auth, `REFRESH_THRESHOLD`). The
metadata server hands out the same token until five minutes before its end, so earlier would be in vain."""
_AGAIN_AFTER_S = 5.0
"""After a failed renewal the token in hand is used for so long before the next try."""
_MOST_HEADERS = 256


class BearerToken(NamedTuple):
    """A token and its end, by the wall clock."""

    value: str
    expires_at: float

    def __repr__(self) -> str:
        """Without the token."""
        return f"<BearerToken until {self.expires_at:.0f}>"


class TokenSource(Protocol):
    """Where tokens come from."""

    async def fetch(self) -> BearerToken:
        """A new token. Raises CredentialFailed."""


class TokenCredentials:
    """Implements Credentials with `authorization: Bearer …`; other headers stay the adapter's."""

    def __init__(self, source: TokenSource, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._token: BearerToken | None = None
        self._renew_at = 0.0
        self._fetch: asyncio.Task[BearerToken] | None = None
        # The transport finds a rendered head by the identity of its headers: for the same target they must stay one.
        self._headers: dict[int, tuple[Mapping[str, str], Mapping[str, str]]] = {}

    async def authorize(self, request: UpstreamRequest) -> UpstreamRequest:
        """With the token in hand while it is good, else with a new one."""
        now, token = self._clock(), self._token
        if now >= self._renew_at and self._fetch is None:
            self._fetch = asyncio.create_task(self._source.fetch(), name="token")
            self._fetch.add_done_callback(self._fetched)
        if token is None or now >= token.expires_at:
            # Shielded: a caller who leaves must not take the others' token along.
            token = await asyncio.shield(self._fetch) if self._fetch is not None else token
            assert token is not None  # no token means that one is being fetched
        return request._replace(headers=self._authorized(request.headers, token))

    async def close(self) -> None:
        """End a fetch that is under way."""
        fetch = self._fetch
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait([fetch])

    def _fetched(self, fetch: asyncio.Task[BearerToken]) -> None:
        self._fetch = None
        if fetch.cancelled():
            return
        error = fetch.exception()
        if error is None:
            self._token = fetch.result()
            self._renew_at = self._token.expires_at - RENEW_BEFORE_S
            self._headers = {}
        elif self._token is not None:
            self._renew_at = min(self._clock() + _AGAIN_AFTER_S, self._token.expires_at)
            if not isinstance(error, BackendError):  # a fault of ours, which no request will hear of for a while
                about = {"message": "a token could not be renewed", "exception": error}
                fetch.get_loop().call_exception_handler(about)

    def _authorized(self, headers: Mapping[str, str], token: BearerToken) -> Mapping[str, str]:
        kept = self._headers.get(id(headers))
        if kept is not None:
            return kept[1]
        authorized = MappingProxyType({**headers, "authorization": f"Bearer {token.value}"})
        if len(self._headers) >= _MOST_HEADERS:
            self._headers = {}
        self._headers[id(headers)] = (headers, authorized)
        return authorized
