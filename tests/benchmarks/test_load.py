"""The load generator against the mock, in one process: what each counts must be what the other served."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks import payloads
from benchmarks.load.aborts import Aborts
from benchmarks.load.connection import Connection
from benchmarks.load.counted import Counted
from benchmarks.load.fixed_rate import FixedRate
from benchmarks.load.scenario import Scenario
from benchmarks.load.streams import Burst, Paced
from benchmarks.mock import Served, Upstream

Load = Callable[[Scenario], "Counted | Aborts | Burst | Paced | FixedRate"]


def play(kind: Load, wanted: Scenario) -> tuple[dict[str, float], Served]:
    """Run one load against a mock of its own."""

    async def within() -> tuple[dict[str, float], Served]:
        served = Served()
        server = await asyncio.get_running_loop().create_server(lambda: Upstream(served), "127.0.0.1", 0)
        async with server:
            port: int = server.sockets[0].getsockname()[1]
            figures = await kind(replace(wanted, port=port)).run()
            await until(lambda: served.streams_begun == served.streams_finished + served.streams_cut)
            return figures, served

    return asyncio.run(within())


async def until(settled: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not settled():  # noqa: ASYNC110 - the mock tells nobody
            await asyncio.sleep(0.005)


def scenario(body: bytes, connections: int, count: int = 0, chunks: int = 0) -> Scenario:
    wanted = Scenario("", 0, "/v1/chat/completions", {}, body.decode(), connections=connections, limit_s=5.0)
    return replace(wanted, count=count, chunks=chunks, ramp_s=0.02, window_s=0.1)


def test_counted_sends_as_many_as_asked_and_no_more() -> None:
    figures, served = play(Counted, scenario(payloads.request_body(500), 4, count=50))
    assert figures == {"answered": 50, "errors": 0, "unsent": 0}
    assert served.unary == 50


def test_fewer_requests_than_connections_come_to_an_end_too() -> None:
    figures, _ = play(Counted, scenario(payloads.request_body(500), 8, count=3))
    assert figures["answered"] == 3


def test_aborting_callers_cut_every_stream() -> None:
    figures, served = play(Aborts, scenario(payloads.stream_body(100, 20), 4, count=20))
    assert figures == {"aborted": 20, "errors": 0}
    assert (served.streams_begun, served.streams_cut, served.streams_finished) == (20, 20, 0)


def test_a_burst_counts_every_chunk() -> None:
    figures, served = play(Burst, scenario(payloads.stream_body(30, 0), 5, chunks=30))
    assert (figures["finished"], figures["errors"], figures["chunks"]) == (5, 0, 150)
    assert served.chunks == 150


def test_paced_streams_tell_lost_chunks() -> None:
    figures, _ = play(Paced, scenario(payloads.stream_body(10, 50), 3, chunks=10))
    assert (figures["finished"], figures["errors"], figures["chunks_lost"]) == (3, 0, 0)
    figures, _ = play(Paced, scenario(payloads.stream_body(10, 50), 3, chunks=12))
    assert (figures["finished"], figures["errors"], figures["chunks_lost"]) == (0, 3, 6)
    figures, _ = play(Paced, scenario(payloads.stream_body(10, 50), 3, chunks=9))
    assert (figures["chunks_lost"], figures["chunks_extra"]) == (0, 3)


def test_a_fixed_rate_is_kept() -> None:
    figures, served = play(FixedRate, replace(scenario(payloads.request_body(200), 8), rate_per_s=200.0))
    assert (figures["requests"], figures["errors"]) == (20, 0)
    assert served.unary == 40, "twenty of them to warm up"


def test_the_mock_takes_the_newer_name_of_the_token_limit() -> None:
    body = payloads.stream_body(7, 0).replace(b'"max_tokens"', b'"max_completion_tokens"')
    figures, _ = play(Burst, scenario(body, 1, chunks=7))
    assert figures["finished"] == 1


class Ends:
    """Implements benchmarks.load.connection.Reader: keeps how answers ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bool]] = []

    def on_data(self, data: bytes) -> None:
        """Not looked at."""

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:
        self.seen.append((status, whole))


class Nowhere(asyncio.Transport):
    """Swallows what is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Gone."""


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(("answer", "status"), [(SIZED, 200), (CHUNKED, 429), (EMPTY, 200)])
@pytest.mark.parametrize("cut", [1, 2, 7, 1_000])
def test_the_end_of_an_answer_is_found_however_it_is_cut(answer: bytes, status: int, cut: int) -> None:
    connection, ends = Connection(), Ends()
    connection.connection_made(Nowhere())
    connection.send(b"", ends)
    for first in range(0, len(answer), cut):
        assert ends.seen == []
        connection.data_received(answer[first : first + cut])
    assert ends.seen == [(status, True)]
    assert connection.usable


def test_a_connection_that_is_lost_ends_its_answer() -> None:
    connection, ends = Connection(), Ends()
    connection.connection_made(Nowhere())
    connection.send(b"", ends)
    connection.data_received(SIZED[:-1])
    connection.connection_lost(None)
    assert ends.seen == [(200, False)]
    assert not connection.usable
