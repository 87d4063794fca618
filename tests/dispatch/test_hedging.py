"""A second attempt beside a late first one: the first content wins, the loser is ended at once and metered."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backends.backend import Sink
from backends.errors import ConnectionLost
from gateway.catalog.handling import Breaker
from gateway.dispatch.attempt import Equipment
from gateway.stats.circuit import Circuit
from gateway.stats.snapshot import Snapshot, TargetStatistics
from tests.dispatch.engine import WHOLE, speaks
from tests.dispatch.stage import DONE, EVENTS, HI, Json, Outcome, Player, Story, chunk, play

RULES = """
version: 1
providers:
  one: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  two: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  three: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
models:
  m:
    capabilities: [continue]
    targets:
      - {provider: one, model: m, priority: 1}
      - {provider: two, model: m, priority: 2}
      - {provider: three, model: m, priority: 3}
    policy: {objective: priority, hedge: {after: 250ms, max_share: 100%}}
"""


def hedged(directory: Path, one: Story, two: Story, three: Story | None = None, **options: Any) -> Outcome:
    players = {"one": Player(one), "two": Player(two), "three": Player(three or two)}
    rules = options.pop("rules", RULES)
    return play(directory, rules, players, **options)[-1]


def hedges(outcome: Outcome) -> dict[str, float]:
    return {labels[0]: count for labels, count in outcome.equipment.metrics.hedges.values.items()}


def test_who_is_late_is_helped_and_the_faster_one_answers(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=5), speaks(name="2", late_s=1))
    caller = outcome.caller
    assert caller.said("content") == WHOLE
    assert {event["id"] for event in caller.events} == {"chatcmpl-2"}
    assert caller.headers["x-headrace-target"].startswith("two/")
    assert caller.headers["x-headrace-attempts"] == "2"
    assert outcome.attempts == [("one", "hedge_lost"), ("two", "complete")]
    assert hedges(outcome) == {"won": 1}
    lost, won = outcome.records
    assert lost.ending.duration_s == pytest.approx(1.3, abs=0.06)  # ended at once when the other had something
    assert (lost.source, lost.usage.output, lost.usage.input) == ("estimated", 0, lost.start.input_estimate)
    assert (lost.ending.final, won.ending.final) == (False, True)


def test_the_first_attempt_may_win_after_all(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=1), speaks(name="2", late_s=5))
    assert outcome.caller.said("content") == WHOLE
    assert {event["id"] for event in outcome.caller.events} == {"chatcmpl-1"}
    assert outcome.caller.headers["x-headrace-attempts"] == "1"
    assert outcome.attempts == [("one", "complete"), ("two", "hedge_lost")]
    assert hedges(outcome) == {"lost": 1}


def test_who_is_in_time_stays_alone(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=0.2, pace_s=1), speaks(name="2"))
    assert outcome.attempts == [("one", "complete")]
    assert hedges(outcome) == {}


def test_a_role_and_a_comment_are_nothing_yet(tmp_path: Path) -> None:
    async def prelude(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        sink.on_data(chunk({"role": "assistant", "content": ""}))
        sink.on_data(b": waiting\n\n")
        await asyncio.Event().wait()

    outcome = hedged(tmp_path, prelude, speaks(name="2"))
    assert outcome.caller.said("content") == WHOLE
    assert outcome.caller.said("role") == "assistant"
    assert outcome.attempts == [("one", "hedge_lost"), ("two", "complete")]


async def fails(body: Json, sink: Sink) -> None:
    sink.on_head(200, EVENTS)
    sink.on_data(b'data: {"error": {"message": "no", "code": 503}}\n\n')


def test_an_error_cannot_win(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=1), fails)
    assert outcome.caller.said("content") == WHOLE
    assert b'"error"' not in outcome.caller.body
    assert outcome.attempts == [("one", "complete"), ("two", "refused")]
    assert hedges(outcome) == {"failed": 1}
    assert [record.ending.final for record in outcome.records] == [True, False]


def later(story: Story, seconds: float) -> Story:
    async def play(body: Json, sink: Sink) -> None:
        await asyncio.sleep(seconds)
        await story(body, sink)

    return play


def test_if_the_first_fails_the_second_goes_on_alone(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, later(fails, 1), speaks(name="2", late_s=3))
    assert outcome.caller.said("content") == WHOLE
    assert outcome.attempts == [("one", "refused"), ("two", "complete")]
    assert [record.ending.final for record in outcome.records] == [False, True]
    assert hedges(outcome) == {"won": 1}


@pytest.mark.parametrize(("first_s", "second_s"), [(1, 3), (3, 1), (2, 1.7)])
def test_if_both_fail_a_third_is_asked(tmp_path: Path, first_s: float, second_s: float) -> None:
    outcome = hedged(tmp_path, later(fails, first_s), later(fails, second_s), speaks(name="3"))
    assert outcome.caller.said("content") == WHOLE
    assert [provider for provider, _ in outcome.attempts] == ["one", "two", "three"]
    assert [record.ending.final for record in outcome.records] == [False, False, True]
    assert outcome.caller.headers["x-headrace-attempts"] == "3"


def test_when_all_fail_the_caller_is_told_once_of_all(tmp_path: Path) -> None:
    rules = RULES + "defaults: {retry: {attempts: 1}}\n"
    outcome = hedged(tmp_path, later(fails, 1), later(fails, 1), fails, rules=rules)
    told = outcome.caller.body
    assert outcome.caller.status == 502
    assert told.count(b'"target"') == 3
    assert [record.ending.final for record in outcome.records].count(True) == 1


def test_a_caller_who_waits_hears_one_comment_at_a_time(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=50), speaks(name="2", late_s=40))
    comments = [at for at, data in outcome.caller.heard if data.startswith(b":")]
    assert comments == pytest.approx([15, 30], abs=1)
    assert outcome.caller.said("content") == WHOLE


def test_a_caller_who_leaves_ends_both(tmp_path: Path) -> None:
    players = {name: Player(speaks(late_s=60)) for name in ("one", "two", "three")}
    outcome = play(tmp_path, RULES, players, leaves_at=5)[0]
    assert outcome.attempts == [("one", "client_closed"), ("two", "hedge_lost")]
    assert [record.ending.final for record in outcome.records] == [True, False]
    assert players["one"].ended == players["two"].ended == ["CancelledError"]


def test_a_caller_who_leaves_when_the_hedge_is_alone_ends_that(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, later(fails, 1), speaks(late_s=60), leaves_at=5)
    assert outcome.attempts == [("one", "refused"), ("two", "client_closed")]
    assert [record.ending.final for record in outcome.records] == [False, True]


def test_hedges_are_no_more_than_their_share(tmp_path: Path) -> None:
    rules = RULES.replace("100%", "10%")
    players = {"one": Player(speaks(late_s=1)), "two": Player(speaks(name="2")), "three": Player(speaks())}
    outcomes = play(tmp_path, rules, players, requests=60)
    assert hedges(outcomes[-1])["won"] in (5, 6)
    assert all(outcome.caller.said("content") == WHOLE for outcome in outcomes)


def rest_one(equipment: Equipment) -> None:
    circuit = Circuit(Breaker())
    circuit.rest(100.0)
    equipment.health.resting["one/other@127.0.0.1:9"] = circuit


def test_a_provider_in_trouble_is_not_given_more_to_do(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=1), speaks(name="2"), before=rest_one)
    assert outcome.attempts == [("one", "complete")]


def test_without_a_retry_to_spend_there_is_no_hedge(tmp_path: Path) -> None:
    rules = RULES + "defaults: {retry: {budget: {percent: 0, min_per_second: 0}}}\n"
    assert hedged(tmp_path, speaks(late_s=1), speaks(), rules=rules).attempts == [("one", "complete")]


@pytest.mark.parametrize(("observations", "attempts"), [(500.0, 2), (5.0, 1)])
def test_late_is_what_the_targets_own_history_says(tmp_path: Path, observations: float, attempts: int) -> None:
    def know(equipment: Equipment) -> None:
        known = TargetStatistics(0.1, 2.0, 3.0, 0.01, observations)
        equipment.book.snapshot = Snapshot({"one/m@127.0.0.1:9": known})

    rules = RULES.replace("250ms", "p95")
    outcome = hedged(tmp_path, speaks(late_s=5), speaks(name="2"), rules=rules, before=know)
    assert len(outcome.attempts) == attempts
    if attempts == 2:
        assert outcome.records[0].ending.duration_s == pytest.approx(2.0, abs=0.06)


def test_a_whole_answer_is_not_hedged(tmp_path: Path) -> None:
    async def whole(body: Json, sink: Sink) -> None:
        await asyncio.sleep(5)
        sink.on_head(200, {"content-type": "application/json"})
        sink.on_data(b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]}')

    outcome = hedged(tmp_path, whole, whole, body={"messages": HI, "stream": False})
    assert outcome.attempts == [("one", "complete")]


def test_the_winner_may_break_off_and_be_gone_on_with(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=5), speaks(12, name="1", late_s=1), speaks(name="3"))
    assert outcome.caller.said("content") == WHOLE
    assert [state for _, state in outcome.attempts] == ["hedge_lost", "continued", "complete"]


def test_both_at_the_same_moment_are_one_answer(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, speaks(late_s=1.3), speaks(name="2", late_s=1.05))
    assert outcome.caller.said("content") == WHOLE
    assert len({event["id"] for event in outcome.caller.events}) == 1


async def breaks_late(body: Json, sink: Sink) -> None:
    await asyncio.sleep(1)
    raise ConnectionLost("cut")


def test_a_cut_counts_like_any_other_error(tmp_path: Path) -> None:
    outcome = hedged(tmp_path, breaks_late, speaks(name="2", late_s=3))
    assert outcome.attempts == [("one", "upstream_failed"), ("two", "complete")]


def pushed(at: float, *data: bytes) -> Story:
    """As a connection does: from the event loop's side, whether or not its task has been told to end."""

    async def play(body: Json, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        sink.on_head(200, EVENTS)

        def push() -> None:
            try:
                for piece in data:
                    sink.on_data(piece)
            except Exception as error:  # noqa: BLE001  as the transport has it: what the sink raises ends the exchange
                if not ended.done():
                    ended.set_exception(error)
                return
            if not ended.done():
                ended.set_result(None)

        loop.call_at(at, push)
        await ended

    return play


def test_of_two_that_push_in_the_same_turn_one_is_heard(tmp_path: Path) -> None:
    first = pushed(2.0, chunk({"content": "first"}), chunk({}, "stop") + DONE)
    second = pushed(2.0, chunk({"content": "second"}), chunk({}, "stop") + DONE)
    outcome = hedged(tmp_path, first, second)
    assert outcome.caller.said("content") in ("first", "second")
    assert sorted(state for _, state in outcome.attempts) == ["complete", "hedge_lost"]
    assert outcome.caller.body.count(b"stop") == 1


async def bug(body: Json, sink: Sink) -> None:
    raise LookupError("our own")


def test_a_hedge_that_dies_of_our_own_fault_is_nobodys_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcome = hedged(tmp_path, later(fails, 1), bug, speaks(name="3"))
    assert outcome.caller.said("content") == WHOLE
    assert [provider for provider, _ in outcome.attempts] == ["one", "two", "three"]
    assert "a hedge failed" in caplog.text
