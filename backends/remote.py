"""A backend whose requests must be authorized anew: with a token that expires, or a signature over each request.

Only providers that need it are wrapped; everybody else's exchanges go straight to the transport.
"""

from backends.backend import Backend, Sink
from backends.credentials import Credentials
from backends.types import UpstreamRequest


class AuthorizingBackend:
    """Implements backends.backend.Backend around another one, which it does not own."""

    def __init__(self, backend: Backend, credentials: Credentials) -> None:
        self._backend = backend
        self._credentials = credentials

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Authorize, then exchange. Raises CredentialFailed (a BackendError) when nothing could be sent."""
        await self._backend.exchange(await self._credentials.authorize(request), sink)

    async def close(self) -> None:
        """Close the credentials; the backend around which this stands is closed by who made it."""
        await self._credentials.close()
