"""Whole exchanges over loopback: answers that arrive, answers that are cut, callers that leave."""

import asyncio
import gc
import socket
from pathlib import Path

import pytest
from httptools import HttpResponseParser

from backends.errors import BadAnswer, ConnectFailed, ConnectionLost
from backends.transport.answer import AnswerReader
from backends.transport.connection import Connection, Valve
from tests.backends.transport.wire import LOOPS, OK, Line, Recorder, Server, answering, backend, request, run, until

SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\nhello world"
both_loops = pytest.mark.parametrize("loop", LOOPS)


@both_loops
def test_exchanges_follow_one_another_on_one_connection(loop: str) -> None:
    async def story() -> None:
        async with Server(answering(SIZED, CHUNKED, OK)) as server:
            client = backend()
            for expected in (b"hello world", b"hello world", b"ok"):
                sink = Recorder()
                await client.exchange(request(server.url, b'{"a":1}'), sink)
                assert (sink.status, sink.body) == (200, expected)
            assert server.connections == 1
            await client.close()
            await until(lambda: server.closed)

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3_000_000])
def test_a_request_arrives_as_it_was_given(loop: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    seen: list[tuple[bytes, bytes]] = []

    async def script(line: Line) -> None:
        seen.append(await line.request())
        await line.send(OK)

    async def story() -> None:
        async with Server(script, limit=1 << 22) as server:
            client = backend()
            await client.exchange(request(server.url, body, headers={"x-a": "b"}), Recorder())
            await client.close()
            host = f"127.0.0.1:{server.port}"
        head = (
            f"POST /v1 HTTP/1.1\r\nhost: {host}\r\nx-a: b\r\n"
            f"accept-encoding: identity\r\ncontent-length: {size}\r\n\r\n"
        )
        assert seen == [(head.encode(), body)]

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("end", ["fin", "reset", "half-close"])
@pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_an_answer_cut_at_any_byte_is_a_lost_connection(loop: str, end: str, answer: bytes) -> None:
    place = 0

    async def script(line: Line) -> None:
        await line.request()
        await line.send(answer[:place])
        if end == "reset":
            line.reset()
        elif end == "half-close":
            line.half_close()
            await line.hung_up()

    async def story() -> None:
        nonlocal place
        async with Server(script) as server:
            client = backend()
            for at in range(len(answer)):
                place = at
                sink = Recorder()
                with pytest.raises(ConnectionLost) as caught:
                    await client.exchange(request(server.url), sink)
                assert b"hello world".startswith(sink.body)
                assert caught.value.may_have_billed
            assert server.connections == len(answer), "no request was sent twice"
            await client.close()

    run(story(), loop)


@both_loops
def test_an_answer_without_length_ends_with_the_connection(loop: str) -> None:
    async def story() -> None:
        async with Server(answering(TO_THE_END, stay=False)) as server:
            client = backend()
            for count in (1, 2):
                sink = Recorder()
                await client.exchange(request(server.url), sink)
                assert sink.body == b"hello world"
                assert server.connections == count
            await client.close()

    run(story(), loop)


@both_loops
def test_an_answer_without_length_that_is_reset_is_lost(loop: str) -> None:
    sink = Recorder()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(TO_THE_END)
        await until(lambda: sink.pieces)  # a reset would take unread bytes along
        line.reset()

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            with pytest.raises(ConnectionLost, match="before the end of its answer"):
                await client.exchange(request(server.url), sink)
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK\r\nconnection: close"])
def test_connections_that_the_server_will_close_are_not_used_again(loop: str, head: bytes) -> None:
    answer = head + b"\r\ncontent-length: 2\r\n\r\nok"

    async def story() -> None:
        async with Server(answering(answer, answer)) as server:
            client = backend()
            for count in (1, 2, 3):
                await client.exchange(request(server.url), Recorder())
                assert server.connections == count
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("end", ["fin", "reset", "half-close", "speaks"])
def test_a_connection_that_the_server_left_is_replaced_before_anything_is_sent(loop: str, end: str) -> None:
    """Also when the loop has not yet read that it left: the socket is asked."""
    requests = 0

    async def story() -> None:
        accepted: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            running = asyncio.get_running_loop()

            async def serve() -> None:
                nonlocal requests
                while True:
                    line, _ = await running.sock_accept(listener)
                    accepted.append(line)
                    await running.sock_recv(line, 65536)
                    requests += 1
                    await running.sock_sendall(line, OK)

            serving = running.create_task(serve())
            client = backend()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            await client.exchange(request(url), Recorder())
            first = accepted[0]
            if end == "reset":
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if end == "half-close":
                first.shutdown(socket.SHUT_WR)
            elif end == "speaks":
                first.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
            else:
                first.close()
            # No turn of the loop lies between: nothing but a look at the socket can tell.
            sink = Recorder()
            await client.exchange(request(url), sink)
            assert (sink.status, sink.body) == (200, b"ok")
            assert (requests, len(accepted)) == (2, 2)
            await client.close()
            serving.cancel()
            await asyncio.wait([serving])
            for line in accepted:
                line.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("end", ["fin", "reset"])
def test_a_server_that_leaves_after_it_got_the_request_is_never_asked_again(loop: str, end: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await line.request()
        if end == "reset":
            line.reset()

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            await client.exchange(request(server.url), Recorder())
            with pytest.raises(ConnectionLost, match="before its answer") as caught:
                await client.exchange(request(server.url), Recorder())
            assert caught.value.may_have_billed
            assert server.connections == 1
            await client.close()

    run(story(), loop)


@both_loops
def test_an_idle_connection_that_speaks_is_dropped(loop: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await asyncio.sleep(0.01)
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await line.hung_up()

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            await client.exchange(request(server.url), Recorder())
            await until(lambda: server.closed)
            sink = Recorder()
            await client.exchange(request(server.url), sink)
            assert sink.body == b"ok"
            assert server.connections == 2
            await client.close()

    run(story(), loop)


@both_loops
def test_an_answer_that_comes_before_the_request_was_read_is_taken_and_the_connection_let_go(loop: str) -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await line.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await asyncio.sleep(0.05)
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await line.hung_up()

    async def story() -> None:
        async with Server(script, limit=65536) as server:
            client = backend()
            sink = Recorder()
            await client.exchange(request(server.url, b"x" * 50_000_000), sink)
            assert (sink.status, sink.body) == (413, b"no")
            await until(lambda: not client._open)
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("after", [0, 60])
def test_cancelling_closes_the_connection_at_once(loop: str, after: int) -> None:
    sink = Recorder()

    async def script(line: Line) -> None:
        await line.request()
        await line.send((b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + b"x" * 50)[:after])
        await line.hung_up()

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            running = asyncio.get_running_loop()
            exchange = running.create_task(client.exchange(request(server.url), sink))
            await until(lambda: server.connections and (sink.pieces or not after))
            exchange.cancel()
            with pytest.raises(asyncio.CancelledError):
                await exchange
            await until(lambda: server.closed)
            assert not client._open
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("where", ["flow", "head", "data"])
def test_what_a_sink_raises_ends_the_exchange_and_the_connection(loop: str, where: str) -> None:
    stop = BadAnswer("no more")

    class Refusing(Recorder):
        def on_flow(self, flow: object) -> None:
            if where == "flow":
                raise stop

        def on_head(self, status: int, headers: object) -> None:
            if where == "head":
                raise stop

        def on_data(self, data: bytes) -> None:
            raise stop

    async def story() -> None:
        async with Server(answering(CHUNKED)) as server:
            client = backend()
            with pytest.raises(BadAnswer) as caught:
                await client.exchange(request(server.url), Refusing())
            assert caught.value is stop
            await until(lambda: server.closed)
            await until(lambda: not client._open)
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n", b"SSH-2.0-x\r\n"]
)
def test_what_is_no_answer_is_refused_and_the_connection_closed(loop: str, answer: bytes) -> None:
    async def story() -> None:
        async with Server(answering(answer)) as server:
            client = backend()
            with pytest.raises(BadAnswer, match=r"not HTTP/1\.1"):
                await client.exchange(request(server.url), Recorder())
            await until(lambda: server.closed)
            await client.close()

    run(story(), loop)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@both_loops
def test_a_slow_sink_slows_the_upstream_down_and_memory_stays_bounded(loop: str) -> None:
    piece, count = b"x" * (1 << 20), 200
    sent = 0

    class Slow(Recorder):
        size = 0
        paused = False
        behind = 0
        """What came while paused: at most the rest of a read."""

        def on_data(self, data: bytes) -> None:
            assert self.flow is not None
            self.size += len(data)
            if self.paused:
                self.behind += len(data)
            elif self.size % 16 == 0 or len(data) > 60_000:
                self.paused = True
                self.flow.pause()
                self.flow.pause()
                asyncio.get_running_loop().call_soon(self.go_on)

        def go_on(self) -> None:
            assert self.flow is not None
            self.paused = False
            self.flow.resume()
            self.flow.resume()

    async def script(line: Line) -> None:
        nonlocal sent
        await line.request()
        line.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            line.writer.write(piece)
            await line.writer.drain()
            sent += len(piece)
        await line.hung_up()

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            before, sink = resident_mb(), Slow()
            await client.exchange(request(server.url), sink)
            assert sink.size == len(piece) * count
            assert sink.behind == 0
            assert resident_mb() - before < 40
            await client.close()

    run(story(), loop)


@both_loops
def test_a_sink_that_stops_stops_the_upstream_and_nobody_else(loop: str) -> None:
    sent = 0

    class Stopped(Recorder):
        def on_head(self, *_: object) -> None:
            self.heads = 1
            assert self.flow is not None
            self.flow.pause()

    async def endless(line: Line) -> None:
        nonlocal sent
        head, _ = await line.request()
        if b"/other" in head:
            await line.send(OK)
            return
        line.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n")
        while True:
            line.writer.write(b"x" * 65536)
            await line.writer.drain()
            sent += 65536

    async def story() -> None:
        async with Server(endless) as server:
            client = backend()
            sink = Stopped()
            exchange = asyncio.get_running_loop().create_task(client.exchange(request(server.url), sink))
            before = -1
            while before != sent or not sink.heads:  # until the kernel's buffers are full
                before = sent
                await asyncio.sleep(0.05)
            came = len(sink.body)
            assert came <= 1 << 18
            other = Recorder()
            await client.exchange(request(f"{server.url}/other"), other)
            assert other.body == b"ok"
            assert len(sink.body) == came
            assert sink.flow is not None
            sink.flow.resume()
            await until(lambda: len(sink.body) > came)
            exchange.cancel()
            await asyncio.wait([exchange])
            sink.flow.resume()
            await client.close()

    run(story(), loop)


@both_loops
def test_a_tap_of_an_exchange_that_is_over_moves_nothing(loop: str) -> None:
    async def story() -> None:
        async with Server(answering(OK, OK)) as server:
            client = backend()
            first, second = Recorder(), Recorder()
            await client.exchange(request(server.url), first)
            assert first.flow is not None
            first.flow.pause()
            await client.exchange(request(server.url), second)
            assert second.body == b"ok"
            assert server.connections == 1
            await client.close()
            assert second.flow is not None
            second.flow.pause()
            second.flow.resume()

    run(story(), loop)


@both_loops
def test_an_answer_that_ends_while_paused_leaves_the_connection_reading(loop: str) -> None:
    class Pausing(Recorder):
        def on_data(self, data: bytes) -> None:
            super().on_data(data)
            assert self.flow is not None
            self.flow.pause()

    async def story() -> None:
        async with Server(answering(OK, OK)) as server:
            client = backend()
            for _ in range(2):
                sink = Pausing()
                await client.exchange(request(server.url), sink)
                assert sink.body == b"ok"
            assert server.connections == 1
            await client.close()
            await until(lambda: server.closed)

    run(story(), loop)


@both_loops
def test_closing_ends_what_is_under_way_and_refuses_what_comes(loop: str) -> None:
    async def story() -> None:
        async with Server(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")) as server:
            client = backend()
            sink = Recorder()
            exchange = asyncio.get_running_loop().create_task(client.exchange(request(server.url), sink))
            await until(lambda: sink.pieces)
            await client.close()
            with pytest.raises(ConnectionLost, match="let go"):
                await exchange
            assert not client._open
            with pytest.raises(ConnectFailed, match="let go"):
                await client.exchange(request(server.url), Recorder())
            await client.close()

    run(story(), loop)


@both_loops
def test_many_exchanges_run_beside_each_other(loop: str) -> None:
    async def script(line: Line) -> None:
        while True:
            _, body = await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)

    async def story() -> None:
        async with Server(script, backlog=200) as server:
            client = backend(most_idle_per_origin=20)

            async def one(n: int) -> None:
                for turn in range(5):
                    sink = Recorder()
                    await client.exchange(request(server.url, b"%d.%d" % (n, turn)), sink)
                    assert sink.body == b"%d.%d" % (n, turn)

            await asyncio.gather(*(one(n) for n in range(50)))
            assert server.connections <= 100
            await until(lambda: len(client._open) <= 20)
            await client.close()

    run(story(), loop)


def test_a_connection_leaves_nothing_for_the_garbage_collector() -> None:
    def left() -> int:
        kinds = (Connection, AnswerReader, HttpResponseParser, Valve)
        return sum(isinstance(held, kinds) for held in gc.get_objects())

    async def story() -> None:
        async with Server(answering(OK, b"nonsense\r\n")) as server:
            client = backend()
            for _ in range(3):
                await client.exchange(request(server.url), Recorder())
                with pytest.raises(BadAnswer):
                    await client.exchange(request(server.url), Recorder())
            await client.close()
            await until(lambda: server.closed == 3)
            await asyncio.sleep(0)
            assert left() == before

    gc.collect()
    gc.disable()
    try:
        before = left()
        run(story())
    finally:
        gc.enable()
