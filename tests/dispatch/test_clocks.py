"""The clocks of an attempt, each made to run out exactly where it should, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from backends.errors import TimedOut
from backends.types import Clocks
from gateway.dispatch.clocks import AFTER_DONE_S, SILENCE_S, Alarms, Watch
from tests.support.virtual_time import run

CLOCKS = Clocks(first_token_s=60, between_tokens_s=30, answer_s=300, total_s=600, stream_total_s=3600)


class Answer:
    """What a Watch looks at, moved by the test."""

    def __init__(self) -> None:
        self.started = self.draining = self.done = False
        self.last_data = self.last_write = 0.0
        self.comments: list[float] = []

    def keep_alive(self) -> None:
        now = asyncio.get_running_loop().time()
        self.comments.append(now)
        self.last_write = now


def ends(story: Callable[[Answer], Awaitable[None]], *, stream: bool = True) -> tuple[str, float, Answer]:
    """Play a story under a Watch: which clock ran out, and when."""
    answer = Answer()

    async def play() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        watch = Watch(Alarms(loop), answer, CLOCKS, stream=stream, total_at=600, stream_total_at=3600)
        with pytest.raises(TimedOut) as caught, watch:
            await story(answer)
        return caught.value.clock, loop.time()

    clock, at = run(play())
    return clock, at, answer


async def hang(_: Answer) -> None:
    await asyncio.Future()


def test_a_stream_without_a_first_token_ends_at_first_token() -> None:
    clock, at, _ = ends(hang)
    assert (clock, at) == ("first_token", pytest.approx(60))


def test_a_unary_answer_that_never_comes_ends_at_answer() -> None:
    clock, at, _ = ends(hang, stream=False)
    assert (clock, at) == ("answer", pytest.approx(300))


def test_a_stream_that_falls_silent_ends_between_tokens() -> None:
    async def story(answer: Answer) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            await asyncio.sleep(29)
            answer.started = True
            answer.last_data = answer.last_write = loop.time()
        await hang(answer)

    clock, at, _ = ends(story)
    assert (clock, at) == ("between_tokens", pytest.approx(5 * 29 + 30))


def test_a_trickle_that_never_ends_is_ended_by_stream_total() -> None:
    async def story(answer: Answer) -> None:
        answer.started = True
        while True:
            answer.last_data = answer.last_write = asyncio.get_running_loop().time()
            await asyncio.sleep(10)

    clock, at, _ = ends(story)
    assert (clock, at) == ("stream_total", pytest.approx(3600))


def test_a_caller_who_reads_slowly_is_not_the_upstreams_silence() -> None:
    async def story(answer: Answer) -> None:
        answer.started = answer.draining = True
        await asyncio.sleep(1000)
        answer.draining = False
        answer.last_data = asyncio.get_running_loop().time()
        await hang(answer)

    clock, at, _ = ends(story)
    assert (clock, at) == ("between_tokens", pytest.approx(1030))


def test_after_the_terminator_nothing_is_awaited_for_long() -> None:
    async def story(answer: Answer) -> None:
        answer.started = answer.done = True
        await hang(answer)

    _, at, _ = ends(story)
    assert at <= CLOCKS.between_tokens_s
    assert at >= AFTER_DONE_S


def test_a_silent_stream_hears_a_comment_every_15_seconds() -> None:
    _, _, answer = ends(hang)
    assert answer.comments == pytest.approx([SILENCE_S, 2 * SILENCE_S, 3 * SILENCE_S], abs=0.1)


def test_a_unary_answer_hears_no_comments() -> None:
    _, _, answer = ends(hang, stream=False)
    assert answer.comments == []


def test_the_callers_cancellation_passes_through_as_such() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        loop.call_later(5, task.cancel)
        watch = Watch(Alarms(loop), Answer(), CLOCKS, stream=True, total_at=600, stream_total_at=3600)
        with pytest.raises(asyncio.CancelledError), watch:
            await asyncio.Future()
        task.uncancel()

    run(play())


def test_a_watch_that_was_left_in_time_leaves_no_alarm_behind() -> None:
    async def play() -> list[float]:
        loop, answer = asyncio.get_running_loop(), Answer()
        alarms = Alarms(loop)
        with Watch(alarms, answer, CLOCKS, stream=True, total_at=600, stream_total_at=3600):
            await asyncio.sleep(1)
        assert alarms.waiting() == []
        await asyncio.sleep(10_000)
        return answer.comments

    assert run(play()) == []
