"""What stands between an adapter's request and the socket, where a key that never changes is not enough."""

from typing import Protocol

from backends.backend import Backend
from backends.errors import ConnectFailed, Fault
from backends.types import UpstreamRequest


class CredentialFailed(ConnectFailed):
    """No valid credential could be had, so nothing was sent. The message holds no secret, and nothing of one."""

    fault = Fault.CREDENTIAL
    reason = "credential"


class Credentials(Protocol):
    """Authorizes requests to one provider; safe to use from many tasks of one loop."""

    async def authorize(self, request: UpstreamRequest) -> UpstreamRequest:
        """The same request, with what proves who sends it. Raises CredentialFailed."""

    async def close(self) -> None:
        """End what runs beside requests (a refresh, say)."""


class CredentialSettings(Protocol):
    """What a routing file says of a provider's credentials: a frozen value, compared on reload, without secrets in its
    repr. The gateway knows no kinds of them, only how to open one."""

    def open(self, backend: Backend) -> Credentials:
        """Make them; `backend` is for what must be asked of others (a token endpoint), never for the provider."""
