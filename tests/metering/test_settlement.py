"""Who pays what, by how an attempt ended: docs/metering.md as tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.types import Usage
from gateway.metering.records import Ending, EndState, Source
from gateway.metering.settlement import settle
from tests.metering.making import start

REPORTED = Usage(input=7, cache_read_input=3, output=5, reasoning=2)
SENT = [state for state in EndState if state not in (EndState.NEVER_SENT, EndState.REFUSED)]
CUT = [EndState.CLIENT_CLOSED, EndState.UPSTREAM_FAILED, EndState.TIMED_OUT]


def ended(state: EndState, **more: object) -> Ending:
    return Ending(state=state, status=200, final=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", EndState)
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_upstream_reported_is_what_is_paid(state: EndState, *, stream: bool) -> None:
    record = settle(start(stream=stream), ended(state, usage=REPORTED))
    assert (record.usage, record.source) == (REPORTED, Source.PROVIDER)
    assert record.cost_nano == 7 * 100 + 3 * 10 + 5 * 300 + 2 * 300


@pytest.mark.parametrize("state", SENT)
def test_a_stream_without_usage_pays_for_what_was_seen(state: EndState) -> None:
    record = settle(start(stream=True), ended(state, content_events=9))
    assert (record.usage, record.source) == (Usage(input=40, output=9), Source.ESTIMATED)


def test_a_whole_answer_without_usage_pays_for_what_was_counted() -> None:
    record = settle(start(), ended(EndState.COMPLETE, content_events=12))
    assert (record.usage, record.source) == (Usage(input=40, output=12), Source.ESTIMATED)


@pytest.mark.parametrize("state", CUT)
@pytest.mark.parametrize(("seconds", "tokens"), [(0.0, 0), (0.01, 1), (2.0, 100), (1000.0, 400)])
def test_a_unary_attempt_ended_early_pays_for_its_time_up_to_its_bound(
    state: EndState, seconds: float, tokens: int
) -> None:
    record = settle(start(), ended(state, duration_s=seconds))
    assert (record.usage, record.source) == (Usage(input=40, output=tokens), Source.ESTIMATED)


def test_a_unary_attempt_of_a_killed_process_pays_its_bound() -> None:
    record = settle(start(), ended(EndState.KILLED, duration_s=0.1))
    assert (record.usage, record.source) == (Usage(input=40, output=400), Source.ESTIMATED)


@pytest.mark.parametrize("state", [EndState.REFUSED, EndState.NEVER_SENT])
@pytest.mark.parametrize("price", [None, start().price])
def test_an_error_answer_and_what_was_never_sent_cost_nothing(state: EndState, price: object) -> None:
    record = settle(start(price=price), ended(state))
    assert (record.usage, record.source, record.cost_nano) == (Usage(), Source.NONE, 0)


@pytest.mark.parametrize("state", CUT)
def test_what_cannot_have_been_billed_costs_nothing(state: EndState) -> None:
    record = settle(start(stream=True), ended(state, may_have_billed=False, content_events=3))
    assert (record.usage, record.source, record.cost_nano) == (Usage(), Source.NONE, 0)


def test_an_unknown_price_is_unknown_and_never_zero() -> None:
    assert settle(start(price=None), ended(EndState.COMPLETE, usage=REPORTED)).cost_nano is None


@given(st.sampled_from(EndState), st.booleans(), st.booleans(), st.integers(0, 10**6), st.floats(0, 10**6))
def test_every_end_has_a_record_whose_tokens_are_within_what_is_known(
    state: EndState, stream: bool, may_have_billed: bool, events: int, duration_s: float
) -> None:
    ending = ended(state, may_have_billed=may_have_billed, content_events=events, duration_s=duration_s)
    record = settle(start(stream=stream), ending)
    assert record.usage.input in (0, 40)
    assert 0 <= record.usage.output <= max(events, 400)
    assert (record.source is Source.NONE) == (record.usage.input == 0)
    assert record.cost_nano == record.usage.input * 100 + record.usage.output * 300
