"""Whose fault a failure is decides what it does to a target's circuit."""

from dataclasses import dataclass, field

import pytest

from backends.errors import BackendError, ConnectionLost, Fault, Refused, TimedOut, UpstreamReply
from gateway.catalog.handling import Breaker
from gateway.stats.circuit import State
from gateway.stats.health import Health


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Target:
    id: str
    breaker: Breaker = field(default_factory=lambda: Breaker(minimum=2, open_for_s=15))


ONE, TWO, OTHER = Target("p/m@a"), Target("p/m@b"), Target("q/m@a")


def refused(fault: Fault, retry_after_s: float | None = None) -> Refused:
    return Refused(UpstreamReply(400, None, None, None, None, None, None), fault, retry_after_s)


def test_what_fails_by_its_own_fault_is_left_alone() -> None:
    clock, told = Clock(), []
    health = Health(clock, lambda name, state: told.append((name, state)))
    for _ in range(2):
        health.failed(ONE, ConnectionLost("cut"))
    assert health.reopens_at(ONE.id) == 115.0
    assert health.reopens_at(TWO.id) is None
    assert told == [(ONE.id, State.OPEN)]
    clock.now = 115.0
    assert health.reopens_at(ONE.id) is None
    health.began(ONE)
    assert health.reopens_at(ONE.id) == 130.0
    health.succeeded(ONE)
    assert health.resting == {}
    assert [state for _, state in told] == [State.OPEN, State.HALF_OPEN, State.CLOSED]


@pytest.mark.parametrize("fault", [Fault.CALLER, Fault.CONTENT_POLICY, Fault.CONTEXT_LENGTH, Fault.MODEL, Fault.QUOTA])
def test_what_is_not_the_targets_fault_moves_nothing(fault: Fault) -> None:
    health = Health(Clock())
    for _ in range(20):
        health.failed(ONE, refused(fault))
    assert health.resting == {}


@pytest.mark.parametrize("error", [TimedOut("first_token"), refused(Fault.CAPACITY), ConnectionLost("cut")])
def test_what_is_does(error: BackendError) -> None:
    health = Health(Clock())
    for _ in range(2):
        health.failed(ONE, error)
    assert ONE.id in health.resting


def test_a_wait_that_the_provider_names_is_kept_up_to_a_minute() -> None:
    health = Health(Clock())
    health.failed(ONE, refused(Fault.CAPACITY, 7.0))
    health.failed(TWO, refused(Fault.CAPACITY, 3600.0))
    assert health.reopens_at(ONE.id) == 107.0
    assert health.reopens_at(TWO.id) == 160.0


def test_a_refused_credential_rests_with_all_that_it_opens_until_it_is_accepted() -> None:
    clock = Clock()
    health = Health(clock)
    health.failed(ONE, refused(Fault.CREDENTIAL))
    assert health.reopens_at(ONE.id) == health.reopens_at(TWO.id) == 160.0
    assert health.reopens_at(OTHER.id) is None
    clock.now = 161.0
    health.began(TWO)
    assert health.reopens_at(ONE.id) is not None
    health.succeeded(TWO)
    assert health.reopens_at(ONE.id) is None
