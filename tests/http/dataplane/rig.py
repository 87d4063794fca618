"""The data plane with stand-ins around it: keys that are known by heart, a pipeline that a test scripts.

On a fake transport for what is about bytes and clocks; on a real socket, beside aiohttp's door with the same stand-ins,
for what is about connections.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import orjson
import uvloop
from aiohttp import web

from gateway.auth.keys import digest
from gateway.auth.principal import Principal
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.door import Request, Responder
from gateway.errors import GatewayError, Unauthorized
from gateway.http.dataplane.inbound import DataPlaneProtocol
from gateway.http.dataplane.server import DataPlaneServer
from gateway.http.generate import Generate
from gateway.http.headers import RequestIds
from gateway.http.middlewares import Rim
from gateway.http.protocol import StrictRunner, StrictServer
from gateway.http.routes import PREFIXES
from gateway.http.state import STATE, HttpState, Liveness
from gateway.metrics import Metrics

T = TypeVar("T")
CHAT = "/v1/chat/completions"
KEY = "hr-good"
SLOW_KEY = "hr-slow"
"""Known, but only after a look-up that takes `Keys.lookup_s`."""
UNKNOWN_KEY = "hr-unknown"
"""Unknown, after the same look-up."""
LIMIT = 1 << 20
ORIGIN = "https://chat.example"
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'


class Keys:
    """In the place of KeyCache."""

    lookup_s = 0.05

    def __init__(self) -> None:
        self.principal = Principal("key_1", "test")
        self.good = digest(KEY)
        self.unseen = {digest(SLOW_KEY), digest(UNKNOWN_KEY)}

    def cached(self, secret_hash: str, peer: str | None = None) -> Principal | None:
        if secret_hash == self.good:
            return self.principal
        if secret_hash in self.unseen:
            return None
        raise Unauthorized

    async def lookup(self, secret: str | None, peer: str | None = None) -> Principal:
        await asyncio.sleep(self.lookup_s)
        if secret != SLOW_KEY:
            raise Unauthorized
        return self.principal


Answering = Callable[[Request, Responder], Awaitable[None]]


async def echo(request: Request, responder: Responder) -> None:
    """What was understood of the request."""
    responder.start(200, {"content-type": "application/json", "x-request-id": request.id})
    responder.write(
        orjson.dumps({"path": request.path, "provider": request.provider, "body": request.body.decode("latin-1")})
    )
    await responder.end()


class Pipeline:
    """In the place of gateway.pipeline.Pipeline."""

    def __init__(self) -> None:
        self.answer: Answering = echo
        self.seen: list[Request] = []
        self.cancelled = 0

    async def run(self, request: Request, responder: Responder, dialect: Dialect) -> None:
        self.seen.append(request)
        try:
            await self.answer(request, responder)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def make_state(origins: tuple[str, ...] = (ORIGIN,)) -> HttpState:
    """Everything a door works with. `pipeline` and `keys` are the stand-ins above."""
    return HttpState(
        pipeline=cast("Any", Pipeline()),
        keys=cast("Any", Keys()),
        table=cast("Any", None),
        metrics=Metrics(),
        collect=cast("Any", None),
        store_up=lambda: True,
        store_about="none",
        on_store_outage="lease",
        liveness=Liveness(),
        body_limit=LIMIT,
        cors_origins=origins,
        metrics_key_hash=None,
    )


def pipeline_of(state: HttpState) -> Pipeline:
    return cast("Pipeline", state.pipeline)


def dialects() -> Mapping[str, Dialect]:
    return {f"{prefix}/chat/completions": OpenAIChat() for prefix in PREFIXES}


async def _admin(_: web.Request) -> web.Response:
    return web.json_response({"admin": True})


async def _upload(request: web.Request) -> web.Response:
    return web.json_response({"admin": len(await request.read())})


async def _expect(_: web.Request) -> None:
    """As in gateway.http.routes."""


def make_app(state: HttpState) -> web.Application:
    """aiohttp's side: the same generating routes, and something to administer."""
    routes = [web.post(path, Generate(dialect).handle, expect_handler=_expect) for path, dialect in dialects().items()]
    routes += [web.get("/admin/v1/keys", _admin), web.post("/admin/v1/keys", _upload)]
    app = web.Application(middlewares=[Rim(RequestIds(), []).around], client_max_size=0)
    app[STATE] = state
    app.add_routes(routes)
    return app


def listener() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(128)
    made.setblocking(False)
    return made


class Both:
    """A data plane on one port, and aiohttp's door alone on another, with the same stand-ins."""

    def __init__(self, state: HttpState, plane: DataPlaneServer, runner: StrictRunner) -> None:
        self.state = state
        self.plane = plane
        self.runner = runner
        self.port = 0
        self.oracle_port = 0

    @property
    def pipeline(self) -> Pipeline:
        return pipeline_of(self.state)


@asynccontextmanager
async def serving() -> AsyncIterator[Both]:
    """Both doors, open."""
    state = make_state()
    runner = StrictRunner(make_app(state))
    await runner.setup()
    ours, theirs = listener(), listener()
    plane = DataPlaneServer(state, dialects(), cast("StrictServer", runner.server))
    both = Both(state, plane, runner)
    both.port, both.oracle_port = ours.getsockname()[1], theirs.getsockname()[1]
    await plane.start(ours)
    await web.SockSite(runner, theirs).start()
    try:
        yield both
    finally:
        await plane.close()
        await runner.cleanup()


def run(main: Coroutine[Any, Any, T], *, within_s: float = 30.0) -> T:
    """On the loop that serves."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await main

    return uvloop.run(bounded())


class FakeTransport(asyncio.Transport):
    """Remembers what is written; full when a test says so."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4)})
        self.writes: list[bytes] = []
        self.unsent = 0
        self.closed = self.aborted = self.eof = self.paused = False
        self.protocol: Any = None

    @property
    def sent(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: Any) -> None:
        assert not self.closed, "written after close"
        assert not self.eof, "written after our FIN"
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


class Line:
    """One connection on a fake transport."""

    def __init__(self, plane: DataPlaneServer) -> None:
        self.transport = FakeTransport()
        self.protocol: DataPlaneProtocol = plane()
        self.protocol.connection_made(self.transport)

    def hear(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def lose(self, error: Exception | None = None) -> None:
        self.protocol.connection_lost(error)


def fake_plane(state: HttpState | None = None) -> DataPlaneServer:
    """A data plane without a socket; inside a loop."""
    state = state or make_state()
    control = StrictServer(cast("Any", _admin), loop=asyncio.get_running_loop())
    return DataPlaneServer(state, dialects(), control)


async def settle(turns: int = 5) -> None:
    """Let what is ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def eventually(look: Callable[[], object], *, within_s: float = 5.0) -> None:
    """Poll a condition until a deadline."""
    deadline = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline, "did not come true"
        await asyncio.sleep(0.005)


def request(
    *lines: str, body: bytes = BODY, path: str = CHAT, method: str = "POST", version: str = "1.1", key: str | None = KEY
) -> bytes:
    """A chat request by hand; a content-length unless the lines frame the body."""
    own = ["host: x", "content-type: application/json"]
    if key is not None:
        own.append(f"authorization: Bearer {key}")
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        own.append(f"content-length: {len(body)}")
    return "\r\n".join([f"{method} {path} HTTP/{version}", *own, *lines]).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 10) -> bytes:
    """The body in chunks."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Answers:
    """Reads answers from what a connection sent."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def next(self) -> tuple[int, dict[str, str], bytes]:
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, f"{name} stands twice"
            headers[name.lower()] = value
        if headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            length = int(headers.get("content-length", 0 if status == 100 else len(self.data)))
            assert len(self.data) >= length, "cut short"
            body, self.data = self.data[:length], self.data[length:]
        return status, headers, body

    def _chunks(self) -> bytes:
        body = b""
        while True:
            size, _, rest = self.data.partition(b"\r\n")
            length = int(size, 16)
            assert rest[length : length + 2] == b"\r\n"
            body, self.data = body + rest[:length], rest[length + 2 :]
            if not length:
                return body

    def all(self) -> list[tuple[int, dict[str, str], bytes]]:
        found = []
        while self.data:
            found.append(self.next())
        return found


def error_code(body: bytes) -> str:
    return str(orjson.loads(body)["error"]["code"])


def refused(error: GatewayError) -> Answering:
    async def answer(request: Request, responder: Responder) -> None:
        raise error

    return answer
