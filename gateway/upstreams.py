"""Which backend carries out exchanges with which provider, under the routing table in force."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from backends.backend import Backend
from backends.remote import AuthorizingBackend
from backends.sandbox import SandboxBackend
from backends.transport.push import PushBackend
from gateway.routing.providers import ProviderState
from gateway.routing.table import RoutingTable


class Upstreams(Mapping[str, Backend]):
    """Provider name → Backend. Providers without TLS settings of their own share one client and its pools.

    A backend that a new table has no use for is kept until `close`: attempts may still run on it, and a file that is
    changed back finds its sandbox where it was.
    """

    def __init__(self) -> None:
        self._shared: Backend = PushBackend()
        self._own: list[tuple[Any, Backend]] = []
        self._by_provider: dict[str, Backend] = {}

    def adopt(self, table: RoutingTable) -> None:
        """Use this table's providers from now on."""
        self._by_provider = {name: self._backend(state) for name, state in table.providers.items() if state.enabled}

    def __getitem__(self, provider: str) -> Backend:
        return self._by_provider[provider]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_provider)

    def __len__(self) -> int:
        return len(self._by_provider)

    async def close(self) -> None:
        """Close every connection of every backend; what stands around another one before that one."""
        for backend in (*(backend for _, backend in reversed(self._own)), self._shared):
            await backend.close()

    def _backend(self, state: ProviderState) -> Backend:
        if state.sandbox is not None:
            sandbox = state.sandbox
            return self._kept(("sandbox", state.name, sandbox), lambda: SandboxBackend(sandbox))
        transport = self._transport(state)
        credentials = state.credentials
        if credentials is None:
            return transport
        # By name too: two providers never share a token, even where their settings are the same.
        return self._kept(
            ("credentials", state.name, credentials, state.tls),
            lambda: AuthorizingBackend(transport, credentials.open(self._shared)),
        )

    def _transport(self, state: ProviderState) -> Backend:
        tls = state.tls
        return self._shared if tls is None else self._kept(("tls", tls), lambda: PushBackend(_tls_context(tls)))

    def _kept(self, settings: Any, make: Callable[[], Backend]) -> Backend:
        """The backend with just these settings; compared, not hashed."""
        for known, backend in self._own:
            if known == settings:
                return backend
        backend = make()
        self._own.append((settings, backend))
        return backend


def _tls_context(tls: Any) -> ssl.SSLContext:
    """Verification stays on; a provider may bring its own authority and ask for our certificate."""
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context
