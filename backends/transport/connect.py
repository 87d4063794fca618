"""From an origin to a connection: name, address, way through a proxy, TLS, all under one deadline."""

import asyncio
import os
import socket
import ssl

from aiohappyeyeballs import start_connection

from backends.errors import BackendError, ConnectFailed
from backends.transport.connection import Connection
from backends.transport.origin import Origin
from backends.transport.proxy import Proxies, Proxy, open_tunnel
from backends.transport.resolver import Resolver

# RFC 8305 5: how long one address is waited for before the next one, of the other family, is tried beside it.
_NEXT_ADDRESS_AFTER_S = 0.25
_LEAVE_S = 1.0
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def client_context() -> ssl.SSLContext:
    """Verification against the system's authorities (or those that SSL_CERT_FILE and SSL_CERT_DIR name)."""
    return ssl.create_default_context()


class Connector:
    """Opens connections. The TLS context becomes its own: it is told to offer HTTP/1.1 and nothing else."""

    def __init__(self, tls: ssl.SSLContext | None, resolver: Resolver, proxies: Proxies) -> None:
        self._tls = tls or client_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._resolver = resolver
        self._proxies = proxies

    async def connect(self, origin: Origin, timeout_s: float) -> Connection:
        """Raises ConnectFailed: nothing of a request has been sent by then."""
        phase = _Phase()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connect(origin, phase)
        except BackendError:
            raise
        except TimeoutError as error:
            raise ConnectFailed(f"no connection to {origin.authority} in {timeout_s:g} s ({phase})") from error
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {origin.authority} is not trusted: {error.verify_message}"
            raise ConnectFailed(why) from error
        except ssl.SSLError as error:
            raise ConnectFailed(f"no TLS with {origin.authority}: {error.reason or type(error).__name__}") from error
        except OSError as error:
            raise ConnectFailed(f"no connection to {origin.authority} ({phase}): {_why(error)}") from error

    async def _connect(self, origin: Origin, phase: "_Phase") -> Connection:
        loop = asyncio.get_running_loop()
        proxy = self._proxies.for_origin(origin)
        connected = await self._reach(loop, proxy or origin, phase)
        try:
            if proxy is not None and origin.secure:
                phase.name = "asking the proxy for a tunnel"
                await open_tunnel(loop, connected, proxy, origin)
            phase.name = "TLS handshake" if origin.secure else "opening"
            _, connection = await loop.create_connection(
                lambda: Connection(loop, origin),
                sock=connected,
                ssl=self._tls if origin.secure else None,
                server_hostname=origin.host.rstrip(".") if origin.secure else None,
                ssl_shutdown_timeout=_LEAVE_S if origin.secure else None,
            )
        except BaseException:
            connected.close()
            raise
        return connection

    async def _reach(self, loop: asyncio.AbstractEventLoop, where: Origin | Proxy, phase: "_Phase") -> socket.socket:
        phase.name = "resolving the name"
        found = await self._resolver.lookup(where.host, where.port)
        phase.name = "connecting"
        try:
            connected = await start_connection(
                found, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, interleave=1, loop=loop
            )
        except OSError:
            self._resolver.expire(where.host, where.port)
            raise
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE:
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return connected


class _Phase:
    """How far it got, for the reason of a failure."""

    name = "starting"

    def __str__(self) -> str:
        return self.name


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
