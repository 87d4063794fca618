"""A provider on loopback that speaks OpenAI's protocol exactly as a script tells it to, and keeps its own books.

It serves any number of providers under `/NAME/v1/...`; what a model answers is a script, an async function that is
given the `Line` to the gateway. What arrived, what was served and when the other side hung up is kept per exchange,
so that a test can compare the gateway's ledger with the only account of the truth.
`tests/support/scripts.py` has the scripts for what real providers do.
"""

import asyncio
import json
import re
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Self

from tests.support.patience import eventually


@dataclass
class Exchange:
    """One request that reached the provider, and what became of it."""

    provider: str
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    opened_at: float
    answered: bool = False
    """The script ran to its end and the answer was handed to the socket whole."""
    closed_at: float | None = None
    """When the gateway hung up on an answer that was under way."""
    content_events: int = 0
    bytes_sent: int = 0
    usage: Mapping[str, Any] | None = None
    """What the provider would bill: set when an answer is whole."""

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def model(self) -> str:
        if (self.header("content-type") or "").startswith("multipart/form-data"):
            field = re.search(rb'name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)', self.body)
            return field[1].decode() if field else "None"
        return str(self.json.get("model"))

    @property
    def asked_for_usage(self) -> bool:
        return bool((self.json.get("stream_options") or {}).get("include_usage"))

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) < 2, f"{name} was sent twice"
        return found[0] if found else None


class Line:
    """The provider's end of one connection, as a script sees it."""

    def __init__(self, writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        self._writer = writer
        self.exchange = exchange
        self.chunked = False
        self.keep_alive = True

    async def head(self, status: int, headers: Mapping[str, str], *, length: int | None = None) -> None:
        """Status line and headers; without a length the body is chunked."""
        self.chunked = length is None
        framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await self._send(f"HTTP/1.1 {status} Status\r\n{fields}{framing}\r\n\r\n".encode("latin-1"))

    async def data(self, data: bytes) -> None:
        """A piece of the body, in a chunk of its own; waits while the gateway does not read."""
        if data:
            await self._send(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        if self.chunked:
            await self._send(b"0\r\n\r\n")

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self.head(status, headers, length=len(body))
        await self.data(body)

    async def hang(self) -> None:
        """Say nothing more, until the gateway hangs up."""
        await asyncio.Event().wait()

    async def passed(self, gate: threading.Event) -> None:
        """Wait for the test to open a gate."""
        while not gate.is_set():  # noqa: ASYNC110 - the gate is opened by another thread
            await asyncio.sleep(0.002)

    def cut(self) -> None:
        """Hang up with FIN, whatever has been promised."""
        self.keep_alive = False
        self._writer.close()

    def reset(self) -> None:
        """Hang up with RST."""
        self.keep_alive = False
        self._writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        self.exchange.bytes_sent += len(data)
        await self._writer.drain()


Script = Callable[[Line], Awaitable[None]]


@dataclass
class _Scripts:
    """Scripts in turn; the last one stays."""

    waiting: list[Script]

    def take(self) -> Script:
        return self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0]


@dataclass
class Upstream:
    """The server, in a thread and an event loop of its own. Use as a context manager."""

    default: Script
    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)
    """Scripts that broke: a fault of the test, shown when it ends."""
    _scripts: dict[tuple[str, str], _Scripts] = field(default_factory=dict)
    _ready: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="upstream", daemon=True)
        self._thread.start()
        assert self._ready.wait(5), "the fake upstream did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        assert not self.failures, self.failures

    def base_url(self, provider: str) -> str:
        return f"http://127.0.0.1:{self.port}/{provider}/v1"

    def script(self, model: str, *scripts: Script, provider: str = "alpha") -> None:
        """What a provider does when asked for this model: one script per request, the last one for all that follow."""
        self._scripts[provider, model] = _Scripts(list(scripts))

    def seen(self, model: str, provider: str | None = None) -> Sequence[Exchange]:
        """The requests for this model that arrived so far."""
        return [e for e in self.exchanges if e.model == model and provider in (None, e.provider)]

    def only(self, model: str, provider: str | None = None) -> Exchange:
        """The one request for this model; waits for it to arrive."""
        found = eventually(lambda: self.seen(model, provider), what=f"a request for {model}")
        assert len(found) == 1, f"{len(found)} requests for {model}"
        return found[0]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 20, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one_exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the gateway is gone, or the test is over: both end a connection like any other
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one_exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        exchange = await _read_request(reader)
        self.exchanges.append(exchange)
        scripts = self._scripts.get((exchange.provider, exchange.model))
        line = Line(writer, exchange)
        script = (scripts.take() if scripts else self.default)(line)
        playing = asyncio.ensure_future(script)
        # A gateway that hangs up shows as the end of its side; it sends nothing while it waits for an answer.
        watching = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                return self._ended(playing, line)
            exchange.closed_at = time.monotonic()
            return False
        finally:
            for task in (playing, watching):
                task.cancel()
            await asyncio.gather(playing, watching, return_exceptions=True)

    def _ended(self, playing: "asyncio.Future[None]", line: Line) -> bool:
        try:
            playing.result()
        except ConnectionError:
            line.exchange.closed_at = time.monotonic()
            return False
        except Exception as broken:  # noqa: BLE001 - a script's own mistake is reported by __exit__
            self.failures.append(broken)
            return False
        line.exchange.answered = True
        return line.keep_alive


async def _read_request(reader: asyncio.StreamReader) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    body = await reader.readexactly(int(lengths[0])) if lengths else b""
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        body = await _read_chunks(reader)
    return Exchange(path.split("/")[1], method, path, headers, body, time.monotonic())


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
