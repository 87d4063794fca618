"""Tokens of Microsoft Entra for Azure: of an application with a secret, or of a workload with a federated token.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlencode

from backends.backend import Backend
from backends.credentials.ask import ask_json
from backends.credentials.base import CredentialFailed
from backends.credentials.token import BearerToken, TokenCredentials

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"
_FORM: Mapping[str, str] = MappingProxyType({"content-type": "application/x-www-form-urlencoded"})
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class EntraSettings:
    """Implements CredentialSettings: an application, and what proves that we are it."""

    tenant: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    token_file: str | None = None
    """Where a workload's own token lies (AKS workload identity); read anew for each of ours."""
    authority: str = AUTHORITY

    def open(self, backend: Backend) -> TokenCredentials:
        """Nobody is asked before the first request."""
        return TokenCredentials(EntraSource(self, backend))


class EntraSource:
    """Implements TokenSource."""

    def __init__(self, settings: EntraSettings, backend: Backend, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._backend = backend
        self._clock = clock

    async def fetch(self) -> BearerToken:
        """A new token, for about an hour. Raises CredentialFailed."""
        settings, now = self._settings, self._clock()
        form = {"grant_type": "client_credentials", "client_id": settings.client_id, "scope": SCOPE}
        if settings.secret is not None:
            form["client_secret"] = settings.secret
        else:
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": await self._workload_token()}
        url = f"{settings.authority.rstrip('/')}/{quote(settings.tenant, safe='')}/oauth2/v2.0/token"
        said = await ask_json(self._backend, "POST", url, _FORM, urlencode(form).encode())
        token, lasts = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not isinstance(lasts, int | float):
            raise CredentialFailed("the token endpoint answered without a token")
        return BearerToken(token, now + lasts)

    async def _workload_token(self) -> str:
        try:
            path = Path(self._settings.token_file or "")
            return (await asyncio.to_thread(path.read_text, encoding="utf-8")).strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise CredentialFailed(f"the workload's token file cannot be read: {reason}") from None
