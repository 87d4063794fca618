"""The data plane of one worker: accepts connections, and lets go of them when the worker drains."""

import asyncio
import socket
import ssl
from collections.abc import Mapping

from gateway.dialects.base import Dialect
from gateway.http.dataplane.clocks import Sweep
from gateway.http.dataplane.handover import hand_over
from gateway.http.dataplane.inbound import DataPlaneProtocol
from gateway.http.dataplane.plane import Plane
from gateway.http.dataplane.responder import DateLine
from gateway.http.dataplane.routes import DataPlaneRoutes
from gateway.http.headers import RequestIds
from gateway.http.protocol import StrictServer
from gateway.http.state import HttpState

BACKLOG = 1024
"""Of the listening socket."""


class DataPlaneServer:
    """`dialects`: by path, as the router writes them. `control`: aiohttp's server, for everything else.

    `start`; then `stop_accepting`, `drain`, wait until `in_flight` is 0, `close`.
    """

    def __init__(self, state: HttpState, dialects: Mapping[str, Dialect], control: StrictServer) -> None:
        loop = asyncio.get_running_loop()
        self._control = control
        self._plane = Plane(
            loop=loop,
            state=state,
            routes=DataPlaneRoutes(dialects),
            ids=RequestIds(),
            sweep=Sweep(loop),
            date=DateLine(),
            hand_over=self._hand_over,
        )
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<DataPlaneServer {len(self._plane.connections)} connections>"

    def __call__(self) -> DataPlaneProtocol:
        """A protocol for a new connection."""
        return DataPlaneProtocol(self._plane)

    @property
    def in_flight(self) -> int:
        """Connections on which something is still to be read, answered or delivered."""
        return sum(not connection.idle for connection in self._plane.connections)

    async def start(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on this socket."""
        self._server = await self._plane.loop.create_server(self, sock=listener, backlog=BACKLOG, ssl=tls)

    def stop_accepting(self) -> None:
        """No new connections; those that are there go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def drain(self) -> None:
        """Close what is idle now, and each other connection with the answer under way; aiohttp's as well."""
        self._plane.closing = True
        self._control.pre_shutdown()
        for connection in tuple(self._plane.connections):
            connection.close_when_idle()

    async def close(self) -> None:
        """Drop what is left."""
        self.stop_accepting()
        self.drain()
        tasks = [task for connection in self._plane.connections if (task := connection.task) is not None]
        tasks += self._plane.leaving
        for connection in tuple(self._plane.connections):
            connection.abandon()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._plane.sweep.stop()

    def _hand_over(self, transport: asyncio.Transport, data: bytes, paused: bool) -> None:
        hand_over(self._control, transport, data, paused, self._is_ours, self._take_back)

    def _is_ours(self, data: bytes) -> bool:
        return not self._plane.closing and self._plane.routes.find(data) is not None

    def _take_back(self, transport: asyncio.Transport, data: bytes, paused: bool) -> None:
        protocol = self()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if paused:
            protocol.pause_writing()
        protocol.data_received(data)
