"""Clocks that learn and clocks that count: `first_token: learned` and `min_rate`."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backends.backend import Sink
from backends.types import ChatRequest
from gateway.dispatch.attempt import Equipment
from gateway.dispatch.pace import Pace, Weight, learned_first_token_s
from gateway.stats.snapshot import Snapshot, TargetStatistics
from tests.dispatch.engine import WHOLE, speaks
from tests.dispatch.stage import DONE, EVENTS, HI, Json, Player, chunk, play

RULES = """
version: 1
providers:
  one: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  two: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
models:
  m:
    capabilities: [continue]
    targets: [{provider: one, model: m, priority: 1}, {provider: two, model: m, priority: 2}]
defaults: {retry: {attempts: 1}, timeouts: TIMEOUTS}
"""


def chat(**body: Any) -> ChatRequest:
    return ChatRequest(b"x" * 4000, body, "m", True, False)


def known(p99_s: float, observations: float = 100.0) -> TargetStatistics:
    return TargetStatistics(p99_s / 4, p99_s / 2, p99_s, None, observations)


@pytest.mark.parametrize(
    ("statistics", "body", "expected_s"),
    [
        (None, {}, None),
        (known(1.0, observations=19), {}, None),
        (known(1.0), {}, 10.5),
        (known(8.0), {}, 24.5),
        (known(8.0), {"reasoning_effort": "high"}, 48.5),
        (known(8.0), {"reasoning_effort": "none"}, 24.5),
    ],
)
def test_the_learned_clock(statistics: TargetStatistics | None, body: Json, expected_s: float | None) -> None:
    assert learned_first_token_s(statistics, chat(**body)) == (expected_s and pytest.approx(expected_s))


@pytest.mark.parametrize(("p99_s", "fails_over_at"), [(10.0, 30), (2.0, 10)])
def test_a_target_that_is_slower_than_ever_is_left_for_another(
    tmp_path: Path, p99_s: float, fails_over_at: float
) -> None:
    def know(equipment: Equipment) -> None:
        equipment.book.snapshot = Snapshot({"one/m@127.0.0.1:9": known(p99_s)})

    rules = RULES.replace("TIMEOUTS", "{first_token: learned}")
    players = {"one": Player(speaks(late_s=50)), "two": Player(speaks(name="2"))}
    outcome = play(tmp_path, rules, players, before=know)[0]
    assert outcome.caller.said("content") == WHOLE
    assert outcome.attempts == [("one", "timed_out"), ("two", "complete")]
    assert outcome.records[0].ending.error == "timeout_first_token"
    assert outcome.records[0].ending.duration_s == pytest.approx(fails_over_at, abs=0.1)


def test_without_a_history_the_fixed_clock_holds(tmp_path: Path) -> None:
    rules = RULES.replace("TIMEOUTS", "{first_token: learned}")
    players = {"one": Player(speaks(late_s=59)), "two": Player(speaks())}
    assert play(tmp_path, rules, players)[0].attempts == [("one", "complete")]


def test_a_trickle_is_too_slow_and_gone_on_with_elsewhere(tmp_path: Path) -> None:
    rules = RULES.replace("TIMEOUTS", "{min_rate: 2}")
    players = {"one": Player(speaks(pace_s=2)), "two": Player(speaks(name="2", pace_s=0.4))}
    outcome = play(tmp_path, rules, players)[0]
    assert outcome.caller.said("content") == WHOLE
    assert outcome.records[0].ending.error == "timeout_min_rate"
    assert 10 <= outcome.records[0].ending.duration_s <= 14
    assert outcome.attempts[1] == ("two", "complete")


@pytest.mark.parametrize(("words", "pace_s"), [(1, 0.4), (40, 5.0)])
def test_a_steady_stream_is_fast_enough_however_large_its_pieces(tmp_path: Path, words: int, pace_s: float) -> None:
    async def steady(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        sink.on_data(chunk({"content": "a"}))
        for _ in range(12):
            await asyncio.sleep(pace_s)
            sink.on_data(chunk({"content": "four " * words}))
        sink.on_data(chunk({}, "stop") + DONE)

    rules = RULES.replace("TIMEOUTS", "{min_rate: 2}")
    players = {"one": Player(steady), "two": Player(speaks())}
    assert play(tmp_path, rules, players, {"messages": HI})[0].attempts == [("one", "complete")]


class Counted:
    tokens = 0.0


def test_the_window_slides() -> None:
    counted = Counted()
    pace = Pace(1.0, counted)
    for now in range(0, 60, 2):
        counted.tokens += 4
        assert not pace.is_too_slow(float(now))
    slow_since = 60.0
    found = next(now for now in range(60, 100, 2) if pace.is_too_slow(float(now)))
    assert 4 <= found - slow_since <= 10


def test_what_was_before_is_forgotten() -> None:
    counted = Counted()
    pace = Pace(1.0, counted)
    assert not pace.is_too_slow(0.0)
    pace.begin_anew()
    assert not pace.is_too_slow(20.0)
    assert pace.is_too_slow(30.0)


class Relay:
    content_events = 0


def test_weight_is_told_from_the_bytes() -> None:
    relay = Relay()
    weight = Weight(lambda data: data, relay)
    for size, events in ((300, 1), (101, 1), (202, 2), (0, 0), (141, 1)):
        relay.content_events += events
        weight(b"x" * size)
    assert weight.tokens == pytest.approx(5 + 40 / 4)
