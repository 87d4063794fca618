"""HTTP/1.1 to upstreams over bare callbacks: the Backend whose answers are pushed into the sink as they are read."""

import asyncio
import ssl

from backends.backend import Sink
from backends.errors import ConnectFailed, ConnectionLost
from backends.transport.connect import Connector
from backends.transport.connection import Connection
from backends.transport.head import Heads
from backends.transport.origin import Origin
from backends.transport.pool import Pool
from backends.transport.proxy import Proxies
from backends.transport.resolver import Resolver
from backends.types import UpstreamRequest

# Idle connections are let go before the usual servers do it (uvicorn: 5 s): none is used while it is being closed.
_IDLE_S = 4.0
_MOST_IDLE_PER_ORIGIN = 512
_MOST_IDLE = 2048
_CLOSING_S = 1.0


class PushBackend:
    """Implements backends.backend.Backend with one pool of connections per origin; make it inside the running loop.

    It never calls `Sink.drain`: a sink that wants to wait says so to its Flow.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        resolver: Resolver | None = None,
        proxies: Proxies | None = None,
        idle_s: float = _IDLE_S,
        most_idle_per_origin: int = _MOST_IDLE_PER_ORIGIN,
        most_idle: int = _MOST_IDLE,
    ) -> None:
        loop = asyncio.get_running_loop()
        proxies = proxies or Proxies()
        self._resolver = resolver or Resolver()
        self._heads = Heads(proxies)
        self._pool = Pool(loop, idle_s=idle_s, most_per_origin=most_idle_per_origin, most=most_idle)
        self._connector = Connector(tls, self._resolver, proxies)
        self._open: set[Connection] = set()
        self._all_lost: asyncio.Future[None] | None = None
        """Set when the backend is being closed."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Send, push, return when the answer is whole by its framing. Cancelling closes the connection."""
        head = self._heads.head(request)
        # 1. An idle connection, unless the server has closed it or its first write fails: then nothing was sent.
        # 2. A new one.
        connection = self._pool.take(head.origin)
        answered = None if connection is None else connection.send(head, request.body, sink)
        if connection is None or answered is None:
            connection = await self._connect(head.origin, request.connect_timeout_s)
            answered = connection.send(head, request.body, sink)
            if answered is None:
                raise ConnectFailed("the upstream closed the connection before it could be used")
        try:
            await answered
        except BaseException:
            connection.abort()
            raise
        finally:
            answered = None  # a failed future holds its error, whose traceback holds this frame
        self._pool.give_back(connection)

    async def close(self) -> None:
        """Let go of every connection; what is under way ends with ConnectionLost."""
        self._all_lost = asyncio.get_running_loop().create_future()
        self._resolver.close()
        self._pool.close()
        for connection in self._open:
            connection.abort(ConnectionLost("the gateway let go of its connections"))
        if self._open:
            await asyncio.wait([self._all_lost], timeout=_CLOSING_S)

    async def _connect(self, origin: Origin, timeout_s: float) -> Connection:
        connection = await self._connector.connect(origin, timeout_s)
        self._open.add(connection)
        connection.on_lost = self._forget
        if self._all_lost is not None:
            connection.abort()
            raise ConnectFailed("the gateway has let go of its connections")
        return connection

    def _forget(self, connection: Connection) -> None:
        self._pool.remove(connection)
        self._open.discard(connection)
        if not self._open and self._all_lost is not None and not self._all_lost.done():
            self._all_lost.set_result(None)
