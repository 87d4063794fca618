"""A raw server on loopback that plays scripts byte by byte, and a sink that keeps what it is given."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Self

import uvloop

from backends.backend import Flow
from backends.transport.proxy import Proxies
from backends.transport.push import PushBackend
from backends.types import UpstreamRequest

HEADERS = {"content-type": "application/json"}
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
PATIENCE_S = 10.0

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def run(story: Coroutine[Any, Any, None], loop: str = "uvloop") -> None:
    """Play a test; what it left running is cancelled, and must say nothing."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await story

    complaints: list[Mapping[str, Any]] = []
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
        runner.run(bounded())
    assert not complaints, complaints


def backend(tls: ssl.SSLContext | None = None, **settings: Any) -> PushBackend:
    """One that knows no proxy, whatever the environment of the tests says."""
    return PushBackend(tls, **{"proxies": Proxies({}), **settings})


def request(
    url: str, body: bytes = b"{}", *, method: str = "POST", headers: Mapping[str, str] = HEADERS, connect_s: float = 5.0
) -> UpstreamRequest:
    return UpstreamRequest(method, url, headers, body, stream=False, connect_timeout_s=connect_s)


class Recorder:
    """Implements Sink."""

    def __init__(self) -> None:
        self.flow: Flow | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.pieces: list[bytes] = []
        self.heads = 0

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def on_flow(self, flow: Flow) -> None:
        assert self.heads == 0, "the tap comes before the head"
        self.flow = flow

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.heads += 1
        self.status, self.headers = status, headers

    def on_data(self, data: bytes) -> None:
        assert self.heads == 1
        assert data
        self.pieces.append(data)

    async def drain(self) -> None:
        raise AssertionError("a backend that pushes does not wait for its sink")


class Line:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request; EOF is asyncio.IncompleteReadError."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for field in head.split(b"\r\n")[1:]:
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return head, await self.reader.readexactly(length)

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a segment of its own (the other side gets a turn between them)."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    def half_close(self) -> None:
        self.writer.write_eof()

    def reset(self) -> None:
        """RST instead of FIN; also tells the other side that what it sent was not read."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hung_up(self) -> None:
        """Wait until the other side has closed."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            return


Script = Callable[[Line], Awaitable[None]]


class Server:
    """`async with Server(script) as server:`; every connection is played by the script and then closed."""

    def __init__(self, script: Script, **settings: Any) -> None:
        self._script = script
        self._settings = {"host": "127.0.0.1", "port": 0, **settings}
        self.connections = 0
        self.closed = 0
        self.requests: list[tuple[bytes, bytes]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._play, **self._settings)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._server.close()
        if kind is None:
            await until(lambda: self.closed == self.connections, "the other side has let go of every connection")

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(Line(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            writer.close()


def answering(*answers: bytes, stay: bool = True) -> Script:
    """One answer per request, in turn, on each connection; then hang up, or stay until the other side does."""

    async def script(line: Line) -> None:
        for answer in answers:
            await line.request()
            await line.send(answer)
        if stay:
            await line.hung_up()

    return script


async def until(look: Callable[[], object], what: str = "") -> None:
    """Poll with the loop running, until a deadline."""
    deadline = asyncio.get_running_loop().time() + 5.0
    while not look():
        assert asyncio.get_running_loop().time() < deadline, what or look
        await asyncio.sleep(0.002)
