"""Tokens for Google Cloud: from a service account's key, from a user's own refresh token, or from the metadata server
of the machine that we run on.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
https://cloud.google.com/compute/docs/access/authenticate-workloads#curl
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from backends.backend import Backend
from backends.credentials.ask import ask_json
from backends.credentials.base import CredentialFailed
from backends.credentials.rs256 import sign
from backends.credentials.token import BearerToken, TokenCredentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
METADATA_URL = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
_ASSERTION_S = 3600
_FORM: Mapping[str, str] = {"content-type": "application/x-www-form-urlencoded"}
_FLAVOR: Mapping[str, str] = {"metadata-flavor": "Google"}

Sign = Callable[[str, bytes], bytes]
"""A PEM key and a message → its RS256 signature. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class GoogleSettings:
    """Implements CredentialSettings: what a routing file says of a Vertex provider's credentials."""

    service_account: str | None = field(default=None, repr=False)
    """A file's path, or its JSON; None: the metadata server is asked."""

    def open(self, backend: Backend) -> TokenCredentials:
        """Nothing is read and nobody asked before the first request."""
        if self.service_account is None:
            return TokenCredentials(MetadataServer(backend))
        return TokenCredentials(KeyFile(self.service_account, backend))


def read_key_file(given: str) -> Mapping[str, Any]:
    """A service account's JSON, from a path or given itself. Raises CredentialFailed, which never holds any of it."""
    text = given.strip()
    if not text.startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise CredentialFailed(f"the service account file cannot be read: {reason}") from None
    try:
        key = orjson.loads(text)
    except orjson.JSONDecodeError:
        key = None
    if not isinstance(key, dict):
        raise CredentialFailed("the service account is not a JSON object")
    return key


class KeyFile:
    """Implements TokenSource with what Google's console and `gcloud` write down: read anew for each token, so that a
    key which was replaced on disk is used from the next one on."""

    def __init__(
        self, given: str, backend: Backend, clock: Callable[[], float] = time.time, signer: Sign = sign
    ) -> None:
        self._given = given
        self._backend = backend
        self._clock = clock
        self._sign = signer

    async def fetch(self) -> BearerToken:
        """A new token, for about an hour."""
        key = await asyncio.to_thread(read_key_file, self._given)
        kind = key.get("type")
        now = self._clock()
        if kind == "service_account":
            url = _text(key, "token_uri", TOKEN_URL)
            form = await asyncio.to_thread(self._assertion, key, url, int(now))
        elif kind == "authorized_user":
            url, form = TOKEN_URL, _refresh(key)
        else:
            raise CredentialFailed(f"credentials of type {str(kind)[:40]!r} are not served: give a service account's")
        said = await ask_json(self._backend, "POST", url, _FORM, urlencode(form).encode())
        return _token(said, now)

    def _assertion(self, key: Mapping[str, Any], audience: str, now: int) -> Mapping[str, str]:
        """A signed statement of who we are (RFC 7523); signing takes a millisecond or two, so in a thread."""
        head = {"alg": "RS256", "typ": "JWT", "kid": _text(key, "private_key_id", "")}
        claims = {
            "iss": _text(key, "client_email"),
            "scope": SCOPE,
            "aud": audience,
            "iat": now,
            "exp": now + _ASSERTION_S,
        }
        signed = b".".join((_base64(orjson.dumps(head)), _base64(orjson.dumps(claims))))
        try:
            signature = self._sign(_text(key, "private_key"), signed)
        except ValueError as error:
            raise CredentialFailed(f"the service account cannot sign: {error}") from None
        assertion = signed + b"." + _base64(signature)
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion.decode("ascii")}


class MetadataServer:
    """Implements TokenSource where the machine has a service account of its own (Compute Engine, GKE, Cloud Run)."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.time, url: str = METADATA_URL) -> None:
        self._backend = backend
        self._clock = clock
        self._url = url

    async def fetch(self) -> BearerToken:
        """The machine's token; the server keeps it until five minutes before its end."""
        now = self._clock()
        return _token(await ask_json(self._backend, "GET", self._url, _FLAVOR), now)


def _refresh(key: Mapping[str, Any]) -> Mapping[str, str]:
    """What `gcloud auth application-default login` leaves behind: a user's own refresh token (RFC 6749 6)."""
    names = ("client_id", "client_secret", "refresh_token")
    return {"grant_type": "refresh_token", **{name: _text(key, name) for name in names}}


def _token(said: Mapping[str, Any], now: float) -> BearerToken:
    """`now` is before the question: a token is taken to end early rather than late."""
    token, lasts = said.get("access_token"), said.get("expires_in")
    if not isinstance(token, str) or not isinstance(lasts, int | float):
        raise CredentialFailed("the token endpoint answered without a token")
    # Old App Engine pads its tokens with dots; a padded one is refused (google-auth does the same).
    return BearerToken(token.rstrip("."), now + lasts)


def _text(key: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = key.get(name, default)
    if not isinstance(value, str):
        raise CredentialFailed(f"the service account has no {name}")
    return value


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
