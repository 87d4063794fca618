"""Slow callers, in virtual time: minutes pass in milliseconds, and nothing sleeps."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.door import Request, Responder
from gateway.http.dataplane import clocks
from gateway.http.dataplane.server import DataPlaneServer
from tests.http.dataplane.rig import (
    BODY,
    SLOW_KEY,
    Answers,
    Line,
    error_code,
    fake_plane,
    make_state,
    pipeline_of,
    request,
    settle,
)
from tests.support import virtual_time

TICK_S = 1.2
"""A connection is looked at once a second."""
Scene = Callable[[DataPlaneServer, Line], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    async def main() -> None:
        state = make_state()
        plane = fake_plane(state)
        line = Line(plane)
        await scene(plane, line)
        line.lose()
        await plane.close()
        await settle()
        assert state.liveness.in_flight == 0

    virtual_time.run(main())


async def assert_closed_after(line: Line, seconds: float, *, aborted: bool = False) -> None:
    """Open until then, and not for long after."""
    await asyncio.sleep(seconds - TICK_S)
    assert not line.transport.closed
    assert not line.transport.sent
    await asyncio.sleep(2 * TICK_S)
    assert line.transport.closed
    assert line.transport.aborted == aborted


async def assert_told_after(line: Line, seconds: float) -> None:
    """408 then, not before; and the connection ends a little later."""
    await asyncio.sleep(seconds - TICK_S)
    assert not line.transport.sent
    await asyncio.sleep(2 * TICK_S)
    status, headers, body = Answers(line.transport.sent).next()
    assert (status, error_code(body), headers["connection"]) == (408, "request_timeout", "close")
    assert headers["x-should-retry"] == "false"
    assert line.transport.eof
    await asyncio.sleep(clocks.LINGER_S + TICK_S)
    assert line.transport.closed


def test_an_idle_connection_is_closed_without_a_word() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        await assert_closed_after(line, clocks.IDLE_S)

    play(scene)


def test_the_time_between_requests_starts_with_each() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        for _ in range(3):
            await asyncio.sleep(clocks.IDLE_S - 2 * TICK_S)
            line.hear(request())
            await settle()
        line.transport.writes.clear()
        await assert_closed_after(line, clocks.IDLE_S)

    play(scene)


@pytest.mark.parametrize("start", [b"P", b"POST /v1/cha", request()[:60]])
def test_a_slow_head_is_408_however_often_a_byte_comes(start: bytes) -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.hear(start)
        rest = iter(request()[len(start) :])
        drip = asyncio.create_task(_drip(line, rest))
        await assert_told_after(line, clocks.HEAD_S)
        drip.cancel()

    async def _drip(line: Line, rest: Any) -> None:
        while True:
            await asyncio.sleep(1)
            line.hear(bytes([next(rest)]))

    play(scene)


def test_empty_lines_do_not_keep_a_connection_alive() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        for _ in range(int(clocks.IDLE_S) + 2):
            if not line.transport.closed:
                line.hear(b"\r\n")
            await asyncio.sleep(1)
        assert line.transport.closed
        assert not line.transport.sent

    play(scene)


@pytest.mark.parametrize("key", ["hr-good", SLOW_KEY])
def test_a_body_that_stops_is_408(key: str) -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.hear(request(key=key)[:-10])
        await assert_told_after(line, clocks.BODY_IDLE_S)

    play(scene)


def test_a_body_that_drips_is_408_in_the_end() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.hear(request(body=b" " * 1000)[:-1000])
        drip = asyncio.create_task(_drip(line))
        await assert_told_after(line, clocks.BODY_TOTAL_S)
        drip.cancel()

    async def _drip(line: Line) -> None:
        while True:
            await asyncio.sleep(5)
            line.hear(b" ")

    play(scene)


def test_the_rest_of_a_refused_body_is_not_waited_for_for_ever() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.hear(request(key=None)[:-10])
        assert Answers(line.transport.sent).next()[0] == 401
        await asyncio.sleep(clocks.BODY_IDLE_S + TICK_S)
        assert line.transport.closed
        assert len(Answers(line.transport.sent).all()) == 1

    play(scene)


def test_an_upstream_may_take_its_time() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        async def slow(request: Request, responder: Responder) -> None:
            await asyncio.sleep(3600)
            responder.start(200, {})
            await responder.end()

        pipeline_of(plane._plane.state).answer = slow
        line.hear(request())
        await asyncio.sleep(3601)
        assert Answers(line.transport.sent).next()[0] == 200

    play(scene)


def test_a_caller_who_stops_reading_is_let_go() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        async def stream(request: Request, responder: Responder) -> None:
            responder.start(200, {})
            responder.write(b"x" * 100_000)
            line.transport.unsent = 100_000
            line.protocol.pause_writing()
            await responder.drain()

        pipeline_of(plane._plane.state).answer = stream
        line.hear(request())
        await settle()
        await asyncio.sleep(clocks.WRITE_S - TICK_S)
        assert not line.transport.closed
        line.transport.unsent = 99_000  # it takes a little, so the clock starts anew
        await asyncio.sleep(clocks.WRITE_S - TICK_S)
        assert not line.transport.closed
        await asyncio.sleep(2 * TICK_S)
        assert line.transport.aborted
        assert pipeline_of(plane._plane.state).cancelled == 1 or not line.protocol.task

    play(scene)


def test_a_caller_who_does_not_take_the_end_of_its_answer_is_let_go() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.transport.unsent = 1000
        line.hear(request("connection: close"))
        await settle()
        assert line.transport.closed
        assert not line.transport.aborted
        await asyncio.sleep(clocks.WRITE_S + TICK_S)
        assert line.transport.aborted

    play(scene)


def test_the_sweep_rests_when_nobody_is_connected() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        line.lose()
        await asyncio.sleep(2)
        assert plane._plane.sweep._timer is None
        other = Line(plane)
        other.hear(request()[:40])
        await asyncio.sleep(clocks.HEAD_S + TICK_S)
        assert Answers(other.transport.sent).next()[0] == 408
        other.lose()

    play(scene)


def test_a_body_arrives_whole_after_pauses_that_are_allowed() -> None:
    async def scene(plane: DataPlaneServer, line: Line) -> None:
        data = request()
        at = len(data) - len(BODY)
        line.hear(data[:at])
        for byte in range(at, at + 5):
            await asyncio.sleep(clocks.BODY_IDLE_S - TICK_S)
            line.hear(data[byte : byte + 1])
        line.hear(data[at + 5 :])
        await settle()
        assert Answers(line.transport.sent).next()[0] == 200

    play(scene)
