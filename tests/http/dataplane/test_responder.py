"""What an answer looks like on the wire, and in how many writes it goes out."""

import asyncio

import pytest

from gateway.door import ClientLeft
from gateway.http.dataplane.responder import DataPlaneResponder, DateLine
from tests.http.dataplane.rig import Answers

NOON = 1_764_072_000.5


class Outlet:
    gone = False
    writing_paused = False
    persists = True

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.waits = 0

    def send(self, data: bytes) -> None:
        self.writes.append(data)

    async def writable(self) -> None:
        self.waits += 1
        self.writing_paused = False

    def will_persist(self) -> bool:
        return self.persists


class Flow:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def responder(outlet: Outlet, *, modern: bool = True) -> DataPlaneResponder:
    return DataPlaneResponder(outlet, modern, {}, DateLine(lambda: NOON))


def test_a_unary_answer_is_one_write_with_its_length() -> None:
    outlet = Outlet()
    answer = responder(outlet)
    answer.start(200, {"content-type": "application/json"})
    answer.write(b"{")
    answer.write(b"}")
    asyncio.run(answer.end())
    assert outlet.writes == [
        b"HTTP/1.1 200 OK\r\nserver: headrace\r\ndate: Tue, 25 Nov 2025 12:00:00 GMT\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    ]


def test_a_streams_head_leaves_with_its_first_chunk_and_its_end_with_the_last() -> None:
    outlet = Outlet()
    answer = responder(outlet)
    answer.start(200, {"content-type": "text/event-stream"})
    answer.flush()
    assert not outlet.writes
    answer.write(b"one")
    answer.flush()
    answer.write(b"two")
    answer.write(b"")
    answer.write(b"three")
    answer.flush()
    answer.flush()
    answer.write(b"last")
    asyncio.run(answer.end())
    assert len(outlet.writes) == 3
    assert outlet.writes[0].endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    assert outlet.writes[1] == b"8\r\ntwothree\r\n"
    assert outlet.writes[2] == b"4\r\nlast\r\n0\r\n\r\n"


def test_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection() -> None:
    outlet = Outlet()
    answer = responder(outlet, modern=False)
    answer.start(200, {})
    answer.write(b"one")
    answer.flush()
    answer.write(b"two")
    asyncio.run(answer.end())
    assert b"chunked" not in b"".join(outlet.writes)
    assert b"connection: close\r\n" in outlet.writes[0]
    assert outlet.writes[1:] == [b"two"]
    assert not answer.persistent


@pytest.mark.parametrize(
    ("modern", "persists", "said"), [(True, True, None), (True, False, "close"), (False, True, "keep-alive")]
)
def test_the_connections_fate_is_told(modern: bool, persists: bool, said: str | None) -> None:
    outlet = Outlet()
    outlet.persists = persists
    answer = responder(outlet, modern=modern)
    answer.start(200, {})
    answer.write(b"x")
    asyncio.run(answer.end())
    assert Answers(outlet.writes[0]).next()[1].get("connection") == said
    assert answer.persistent == persists


def test_a_value_can_never_begin_another_header() -> None:
    outlet = Outlet()
    answer = responder(outlet)
    answer.start(200, {"x-headrace-target": "a\r\nx-injected: 1\r\n\r\n<script>", "x-b": "\0", "x-c": "\u00e9"})
    answer.finish()
    status, headers, _ = Answers(outlet.writes[0]).next()
    assert status == 200
    assert "x-injected" not in headers
    assert headers["x-headrace-target"] == "a x-injected: 1 <script>"
    assert headers["x-c"] == "\u00e9"


def test_headers_of_the_answer_win_over_those_of_all_answers() -> None:
    outlet = Outlet()
    answer = DataPlaneResponder(outlet, True, {"vary": "origin", "x-a": "1"}, DateLine(lambda: NOON))
    answer.start(529, {"x-a": "2"})
    answer.finish()
    status, headers, _ = Answers(outlet.writes[0]).next()
    assert (status, headers["vary"], headers["x-a"]) == (529, "origin", "2")


def test_draining_waits_only_while_the_caller_is_slow() -> None:
    outlet = Outlet()
    answer = responder(outlet)
    answer.start(200, {})
    answer.write(b"x")
    asyncio.run(answer.drain())
    assert (len(outlet.writes), outlet.waits) == (1, 0)
    outlet.writing_paused = True
    asyncio.run(answer.drain())
    assert outlet.waits == 1


def test_a_caller_who_left_is_told_of_by_drain_and_end() -> None:
    outlet = Outlet()
    answer = responder(outlet)
    answer.start(200, {})
    outlet.gone = True
    with pytest.raises(ClientLeft):
        asyncio.run(answer.drain())
    with pytest.raises(ClientLeft):
        asyncio.run(answer.end())
    answer.flush()


def test_a_flow_is_paused_with_the_caller() -> None:
    outlet, flow, late = Outlet(), Flow(), Flow()
    answer = responder(outlet)
    answer.pause()
    answer.attach(flow)
    answer.pause()
    answer.resume()
    assert flow.calls == ["pause", "resume"]
    outlet.writing_paused = True
    answer.attach(late)
    assert late.calls == ["pause"]
    answer.attach(None)
    answer.resume()
    assert late.calls == ["pause"]


def test_the_date_is_made_once_a_second() -> None:
    times = [NOON, NOON + 0.4, NOON + 0.6]
    line = DateLine(lambda: times.pop(0))
    first, second, third = line(), line(), line()
    assert first is second
    assert third != second
