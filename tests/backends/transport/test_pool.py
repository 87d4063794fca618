"""The pool takes the warmest, lets the coldest go, and keeps within its bounds."""

import asyncio
from typing import Any

from backends.transport.origin import Origin
from backends.transport.pool import Pool

A, B = Origin("http", "a", 80), Origin("https", "b", 443)


class Clock:
    """A loop of which the pool sees the time and one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any) -> asyncio.TimerHandle:
        self.timers.append((self.now + delay, callback))
        return self  # type: ignore[return-value]

    def cancel(self) -> None:
        self.timers.clear()

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.timers and self.timers[0][0] <= until:
            self.now, callback = self.timers.pop(0)
            callback()
        self.now = until


class Line:
    """A connection as the pool sees it."""

    def __init__(self, origin: Origin = A, *, promised_idle_s: float | None = None, reusable: bool = True) -> None:
        self.origin = origin
        self.idle_since = self.idle_until = 0.0
        self.proven = True
        self.promised_idle_s = promised_idle_s
        self.reusable = reusable
        self.stale = False
        self.closed = False

    def is_stale(self) -> bool:
        return self.stale or self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def make(clock: Clock, **bounds: Any) -> Any:
    return Pool(clock, **{"idle_s": 4.0, "most_per_origin": 3, "most": 5, **bounds})  # type: ignore[arg-type]


def test_the_warmest_is_taken_first_and_only_for_its_origin() -> None:
    pool, first, second, other = make(Clock()), Line(), Line(), Line(B)
    for line in (first, second, other):
        pool.give_back(line)
    assert pool.take(A) is second
    assert pool.take(A) is first
    assert pool.take(A) is None
    assert pool.take(B) is other
    assert len(pool) == 0


def test_idle_connections_are_bounded_per_origin_and_altogether_and_the_coldest_goes() -> None:
    pool = make(Clock())
    lines = [Line(A) for _ in range(4)]
    for line in lines:
        pool.give_back(line)
    assert [line.closed for line in lines] == [True, False, False, False]
    others = [Line(B) for _ in range(3)]
    for line in others:
        pool.give_back(line)
    assert len(pool) == 5
    assert [line.closed for line in lines + others] == [True, True, False, False, False, False, False]


def test_old_connections_are_closed_by_the_clock_and_none_is_taken() -> None:
    clock = Clock()
    pool, old, young = make(clock), Line(), Line()
    pool.give_back(old)
    clock.pass_time(3)
    pool.give_back(young)
    clock.pass_time(1.5)
    assert (old.closed, young.closed) == (True, False)
    clock.now += 10  # a loop that was held up: the timer is late
    assert pool.take(A) is None
    assert young.closed
    clock.pass_time(10)
    assert clock.timers == [], "nothing idle, no timer"


def test_a_server_that_names_its_own_time_is_believed() -> None:
    clock = Clock()
    pool, hasty, patient = make(clock), Line(promised_idle_s=2.0), Line(promised_idle_s=60.0)
    pool.give_back(patient)
    pool.give_back(hasty)
    clock.now += 1.5
    assert pool.take(A) is patient
    assert hasty.closed


def test_what_cannot_be_used_again_is_closed() -> None:
    pool, used = make(Clock()), Line(reusable=False)
    pool.give_back(used)
    assert used.closed
    assert pool.take(A) is None


def test_stale_connections_are_passed_over() -> None:
    clock = Clock()
    pool, good, stale = make(clock), Line(), Line()
    pool.give_back(good)
    pool.give_back(stale)
    stale.stale = True
    clock.pass_time(0.001)
    assert pool.take(A) is good
    assert stale.closed


def test_a_connection_that_came_back_in_this_turn_of_the_loop_is_looked_at_only_after_its_first_exchange() -> None:
    pool, proven, new = make(Clock()), Line(), Line()
    new.proven = False
    for line in (proven, new):
        line.stale = True
        pool.give_back(line)
    assert pool.take(A) is proven
    assert new.closed


def test_a_lost_connection_is_forgotten() -> None:
    pool, lost = make(Clock()), Line()
    pool.give_back(lost)
    pool.remove(lost)
    pool.remove(lost)
    assert pool.take(A) is None
    assert len(pool) == 0
