"""The data plane over TLS, with our own outbound as its caller: streams, callers who leave, lines that are cut."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from backends.errors import ConnectFailed, ConnectionLost
from backends.transport.push import PushBackend
from backends.types import UpstreamRequest
from gateway.door import Request, Responder
from gateway.http.dataplane.server import DataPlaneServer
from gateway.http.protocol import StrictRunner, StrictServer
from tests.backends.transport.authority import Authority, make_authority
from tests.backends.transport.wire import Recorder, backend
from tests.http.dataplane.rig import (
    BODY,
    CHAT,
    KEY,
    Pipeline,
    dialects,
    eventually,
    listener,
    make_app,
    make_state,
    pipeline_of,
    request,
    run,
)

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
PIECE = b"data: " + b"x" * 1000 + b"\n\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(Path(tmp_path_factory.mktemp("authority")))


class Served:
    """A data plane behind TLS."""

    def __init__(self, plane: DataPlaneServer, pipeline: Pipeline, port: int) -> None:
        self.plane = plane
        self.pipeline = pipeline
        self.port = port

    async def ask(self, client: PushBackend, body: bytes = BODY) -> Recorder:
        sink = Recorder()
        await client.exchange(self.chat(body), sink)
        return sink

    def chat(self, body: bytes = BODY) -> UpstreamRequest:
        return UpstreamRequest("POST", f"https://localhost:{self.port}{CHAT}", HEADERS, body, True, 5.0)


@asynccontextmanager
async def serving(authority: Authority) -> AsyncIterator[Served]:
    state = make_state()
    runner = StrictRunner(make_app(state))
    await runner.setup()
    plane, socket_ = DataPlaneServer(state, dialects(), cast("StrictServer", runner.server)), listener()
    await plane.start(socket_, authority.serving())
    try:
        yield Served(plane, pipeline_of(state), socket_.getsockname()[1])
        await eventually(lambda: state.liveness.in_flight == 0)
    finally:
        await plane.close()
        await runner.cleanup()


async def stream(request: Request, responder: Responder) -> None:
    responder.start(200, {"content-type": "text/event-stream"})
    for _ in range(1000):
        responder.write(PIECE)
        await responder.drain()
    await responder.end()


async def endless(request: Request, responder: Responder) -> None:
    responder.start(200, {"content-type": "text/event-stream"})
    while True:
        responder.write(PIECE)
        await responder.drain()
        await asyncio.sleep(0.001)


async def breaking(request: Request, responder: Responder) -> None:
    responder.start(200, {"content-type": "text/event-stream"})
    responder.write(PIECE)
    await responder.drain()
    raise OSError("broken off")


def test_requests_and_streams_share_a_connection(authority: Authority) -> None:
    async def main() -> None:
        async with serving(authority) as served:
            client = backend(authority.trusting())
            for size in (10, 10, 400_000):
                body = b"y" * size
                answer = await served.ask(client, body)
                assert (answer.status, body in answer.body) == (200, True)
            served.pipeline.answer = stream
            assert (await served.ask(client)).body == PIECE * 1000
            assert len(served.plane._plane.connections) == 1
            await client.close()
            await eventually(lambda: not served.plane._plane.connections)

    run(main())


def test_a_stranger_to_the_certificate_does_not_send_its_key(authority: Authority) -> None:
    async def main() -> None:
        async with serving(authority) as served:
            client = backend(ssl.create_default_context())
            with pytest.raises(ConnectFailed, match="not trusted"):
                await served.ask(client)
            assert not served.pipeline.seen
            await client.close()

    run(main())


@pytest.mark.parametrize("how", ["cancelled", "reset", "fin without close_notify"])
def test_a_caller_who_leaves_stops_its_stream(authority: Authority, how: str) -> None:
    async def main() -> None:
        async with serving(authority) as served:
            served.pipeline.answer = endless
            if how == "cancelled":
                client = backend(authority.trusting())
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await served.ask(client)
                await client.close()
            else:
                await _leave(served.port, authority.trusting(), reset=how == "reset")
            await eventually(lambda: served.pipeline.cancelled == 1 or not served.plane._plane.connections)
            await eventually(lambda: not served.plane._plane.connections)

    run(main())


async def _leave(port: int, tls: ssl.SSLContext, *, reset: bool) -> None:
    def talk() -> None:
        raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        wire = tls.wrap_socket(raw, server_hostname="localhost")
        wire.sendall(request())
        assert wire.recv(1000)
        if reset:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            wire.shutdown(socket.SHUT_WR)  # of the socket beneath: no close_notify
        wire.close()

    await asyncio.to_thread(talk)


def test_an_answer_that_we_break_off_does_not_look_whole(authority: Authority) -> None:
    async def main() -> None:
        async with serving(authority) as served:
            served.pipeline.answer = breaking
            client = backend(authority.trusting())
            with pytest.raises(ConnectionLost):
                await served.ask(client)
            await client.close()

    run(main())


def test_a_request_cut_by_a_lost_line_never_reaches_the_pipeline(authority: Authority) -> None:
    async def main() -> None:
        async with serving(authority) as served:

            def talk() -> None:
                raw = socket.create_connection(("127.0.0.1", served.port), timeout=5)
                wire = authority.trusting().wrap_socket(raw, server_hostname="localhost")
                wire.sendall(request()[:-5])
                wire.shutdown(socket.SHUT_WR)
                wire.close()

            await asyncio.to_thread(talk)
            await eventually(lambda: not served.plane._plane.connections)
            assert not served.pipeline.seen

    run(main())
