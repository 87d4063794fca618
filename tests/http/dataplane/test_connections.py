"""Real sockets: callers who leave while we do not read, large answers, and what is left of connections."""

import asyncio
import gc
import socket

import pytest

from gateway.door import Request, Responder
from tests.http.dataplane.rig import (
    Answers,
    Line,
    eventually,
    fake_plane,
    make_state,
    pipeline_of,
    request,
    run,
    serving,
    settle,
)

MEGABYTE = 1 << 20


async def forever(request: Request, responder: Responder) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("pipelined", [0, 1, 100_000])
def test_a_caller_who_leaves_is_seen_within_a_second_even_behind_a_full_backlog(pipelined: int, how: str) -> None:
    """Unless there is so much behind it that the FIN has not left the caller's machine: nobody can see that."""

    async def main() -> None:
        async with serving() as both:
            both.pipeline.answer = forever
            wire = socket.create_connection(("127.0.0.1", both.port))
            wire.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(wire, request())
            await eventually(lambda: both.pipeline.seen)
            await loop.sock_sendall(wire, b"POST " * (pipelined // 5 + 1) if pipelined else b"")
            if pipelined > 1:
                await eventually(lambda: next(iter(both.plane._plane.connections))._backlog.reading_paused)
            if how == "reset":
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            wire.close()
            started = loop.time()
            await eventually(lambda: both.pipeline.cancelled == 1)
            assert loop.time() - started < 1.5
            assert both.state.liveness.in_flight == 0

    run(main())


def test_a_large_answer_reaches_a_slow_reader_whole_though_the_plane_drains() -> None:
    async def main() -> None:
        async with serving() as both:

            async def large(request: Request, responder: Responder) -> None:
                responder.start(200, {})
                responder.write(b"x" * 8 * MEGABYTE)
                await responder.end()

            both.pipeline.answer = large
            reader, writer = await asyncio.open_connection("127.0.0.1", both.port, limit=65_536)
            writer.write(request())
            await eventually(lambda: both.pipeline.seen)
            both.plane.stop_accepting()
            both.plane.drain()
            assert both.plane.in_flight == 1
            data = b"".join([piece async for piece in _slowly(reader)])
            assert len(Answers(data).next()[2]) == 8 * MEGABYTE
            writer.close()
            await eventually(lambda: both.plane.in_flight == 0)

    async def _slowly(reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]
        while piece := await reader.read(MEGABYTE):
            yield piece
            await asyncio.sleep(0.001)

    run(main())


def test_a_refused_caller_that_goes_on_sending_can_read_why() -> None:
    async def main() -> None:
        async with serving() as both:
            for data in (
                request("content-length: 5000000", body=b"x" * 2 * MEGABYTE),
                request("a b: c", body=b"x" * 2 * MEGABYTE),
                request(
                    "transfer-encoding: chunked", body=b"10000\r\n" + b" " * 65_536 + b"\r\nzz\r\n" + b"x" * MEGABYTE
                ),
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", both.port)
                writer.write(data)
                await writer.drain()
                answer = Answers(await reader.read()).next()
                assert answer[0] in (400, 413)
                writer.close()
            await eventually(lambda: not both.plane._plane.connections)

    run(main())


def test_connections_leave_nothing_behind() -> None:
    """A parser and its connection refer to each other; whoever forgets to part them keeps 13 objects a connection."""

    async def main() -> None:
        state = make_state()
        plane = fake_plane(state)
        data = request()

        async def connect(count: int) -> None:
            for n in range(count):
                line = Line(plane)
                line.hear(data[: len(data) - n % 3])
                line.hear(data[len(data) - n % 3 :])
                if n % 7:
                    await settle(2)
                line.lose()
            await settle()
            pipeline_of(state).seen.clear()

        await connect(50)
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            await connect(1000)
            after = len(gc.get_objects())
        finally:
            gc.enable()
        assert after - before < 100, "cycles: the collector would have to find these"

    run(main())


def test_real_connections_leave_nothing_behind() -> None:
    async def main() -> None:
        async with serving() as both:

            async def connect(count: int) -> None:
                for n in range(count):
                    wire = socket.create_connection(("127.0.0.1", both.port))
                    wire.setblocking(False)
                    await asyncio.get_running_loop().sock_sendall(wire, request()[: None if n % 3 else -5])
                    if n % 2:
                        await asyncio.get_running_loop().sock_recv(wire, 10) if n % 3 else None
                    wire.close()
                await eventually(lambda: not both.plane._plane.connections)
                both.pipeline.seen.clear()

            await connect(50)
            gc.collect()
            gc.disable()
            try:
                before = len(gc.get_objects())
                await connect(300)
                after = len(gc.get_objects())
            finally:
                gc.enable()
            assert after - before < 100

    run(main())
