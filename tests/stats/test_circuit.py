"""A circuit as a transition table, on a clock of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.handling import Breaker
from gateway.stats.circuit import Circuit, State

RULES = Breaker(failures=0.5, over_s=30, minimum=4, open_for_s=15)


def after(*events: tuple[str, float]) -> Circuit:
    circuit = Circuit(RULES)
    for name, at in events:
        getattr(circuit, name)(at)
    return circuit


def test_it_stays_closed_below_the_minimum() -> None:
    assert after(*[("failed", 1.0)] * 3).state is State.CLOSED


def test_it_opens_at_the_share_of_failures() -> None:
    circuit = after(("succeeded", 1), ("succeeded", 2), ("failed", 3), ("failed", 4))
    assert circuit.state is State.OPEN
    assert not circuit.admits(18.9)
    assert circuit.admits(19.0)


def test_it_stays_closed_below_the_share() -> None:
    assert after(*[("succeeded", 1)] * 3, *[("failed", 2)] * 2).state is State.CLOSED


def test_failures_outside_the_window_do_not_count() -> None:
    assert after(*[("failed", 0.0)] * 3, ("failed", 34.0)).state is State.CLOSED
    assert after(*[("failed", 0.0)] * 3, ("failed", 26.0)).state is State.OPEN


def test_one_probe_at_a_time_may_try() -> None:
    circuit = after(*[("failed", 1.0)] * 4)
    circuit.began(16.0)
    assert circuit.state is State.HALF_OPEN
    assert not circuit.admits(16.0)
    assert circuit.admits(31.0)  # a probe that never ends does not keep it shut for ever


@pytest.mark.parametrize(("how", "state"), [("succeeded", State.CLOSED), ("failed", State.OPEN)])
def test_the_probe_decides(how: str, state: State) -> None:
    circuit = after(*[("failed", 1.0)] * 4, ("began", 16.0), (how, 17.0))
    assert circuit.state is state
    assert circuit.admits(17.0) is (state is State.CLOSED)


def test_a_closed_circuit_forgets_what_opened_it() -> None:

    assert after(*[("failed", 1.0)] * 4, ("began", 16.0), ("succeeded", 17.0), ("failed", 18.0)).state is State.CLOSED


def test_an_attempt_begun_before_it_opened_does_not_probe() -> None:
    circuit = after(*[("failed", 1.0)] * 4, ("began", 2.0))
    assert circuit.state is State.OPEN


@given(st.lists(st.tuples(st.sampled_from(["began", "succeeded", "failed"]), st.floats(0, 20)), max_size=80))
def test_whatever_happens_it_admits_somebody_within_open_for(steps: list[tuple[str, float]]) -> None:
    circuit, now = Circuit(RULES), 0.0
    for name, wait in steps:
        now += wait
        getattr(circuit, name)(now)
    assert circuit.admits(now + RULES.open_for_s)
