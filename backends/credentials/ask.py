"""One small question to a token endpoint, over the transport that everything else goes through: same DNS, same proxies.

Answers are JSON objects of a few hundred bytes; what is longer, late, or something else is a failure.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from backends.backend import Backend, Flow
from backends.credentials.base import CredentialFailed
from backends.errors import BackendError
from backends.types import UpstreamRequest

_CONNECT_S = 5.0
_ANSWER_S = 20.0
_LONGEST = 64 << 10


class _Answer:
    """Implements backends.backend.Sink: keeps it all."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    def on_flow(self, flow: Flow) -> None:
        """Nothing to hold back."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:  # noqa: ARG002  the protocol's signature
        """An answer has begun."""
        self.status, self.body = status, b""

    def on_data(self, data: bytes) -> None:
        """A piece of it."""
        self.body += data
        if len(self.body) > _LONGEST:
            raise CredentialFailed("the token endpoint's answer is too long to be one")

    async def drain(self) -> None:
        """Nobody is slow here."""


async def ask_json(
    backend: Backend, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
) -> Mapping[str, Any]:
    """The object that a 200 answers with. Raises CredentialFailed with what the endpoint said of the reason.

    OAuth's errors (RFC 6749 5.2: `error`, `error_description`) hold no secret; nothing else is repeated.
    """
    answer = _Answer()
    try:
        async with asyncio.timeout(_ANSWER_S):
            await backend.exchange(UpstreamRequest(method, url, headers, body, False, _CONNECT_S), answer)
    except CredentialFailed:
        raise
    except BackendError as error:
        raise CredentialFailed(f"the token endpoint {url} could not be reached: {error}") from error
    except TimeoutError as error:
        raise CredentialFailed(f"the token endpoint {url} did not answer within {_ANSWER_S:.0f} s") from error
    said = _object(answer.body)
    if answer.status != 200:
        reason = " ".join(
            str(said[name])[:200] for name in ("error", "error_description") if isinstance(said.get(name), str)
        )
        raise CredentialFailed(f"the token endpoint {url} answered {answer.status} {reason}".rstrip())
    return said


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
