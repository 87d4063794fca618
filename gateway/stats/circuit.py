"""One target's circuit. The clock is an argument.

    closed ──share of failures in the window──► open ──open_for──► half open ──success──► closed
                                                  ▲                    │
                                                  └──────failure───────┘

Half open means that one request may try, and everybody else waits for what it brings.
"""

from enum import StrEnum

from gateway.catalog.handling import Breaker

_SLOTS = 10
"""Parts that the window is counted in: it moves on by one of them."""


class State(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Counts what ended well and what failed, in a window that moves."""

    __slots__ = ("_bad", "_good", "_slot", "breaker", "recent", "reopens_at", "state")

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.state = State.CLOSED
        self.reopens_at = 0.0
        """When somebody may try again; while it is half open, when another may."""
        self.recent = 0
        """Attempts that ended well since `take_in`, which somebody calls often: to count one costs next to nothing."""
        self._slot = 0
        self._good = [0] * _SLOTS
        self._bad = [0] * _SLOTS

    def __repr__(self) -> str:
        return f"<Circuit {self.state}, {sum(self._bad)} of {sum(self._bad) + sum(self._good)} failed>"

    def admits(self, now: float) -> bool:
        """Whether a request may try."""
        return self.state is State.CLOSED or now >= self.reopens_at

    def began(self, now: float) -> None:
        """Somebody tries. The first one after `open_for` is the probe; should it never end, another may."""
        if self.state is not State.CLOSED and now >= self.reopens_at:
            self.state = State.HALF_OPEN
            self.reopens_at = now + self.breaker.open_for_s

    def succeeded(self, now: float) -> None:
        """An attempt ended well."""
        if self.state is not State.CLOSED:
            self._close()
        self.recent += 1
        self.take_in(now)

    def take_in(self, now: float) -> None:
        """Put what ended well of late into the window."""
        self._good[self._turn(now)] += self.recent
        self.recent = 0

    def failed(self, now: float) -> None:
        """An attempt failed by the target's fault."""
        if self.state is State.HALF_OPEN:
            self.rest(now + self.breaker.open_for_s)
            return
        self.take_in(now)
        self._bad[self._turn(now)] += 1
        bad = sum(self._bad)
        count = bad + sum(self._good)
        if self.state is State.CLOSED and count >= self.breaker.minimum and bad >= self.breaker.failures * count:
            self.rest(now + self.breaker.open_for_s)

    def rest(self, until: float) -> None:
        """Left alone until then."""
        self.state = State.OPEN
        self.reopens_at = until

    def _close(self) -> None:
        self.state = State.CLOSED
        self.reopens_at = 0.0
        self.recent = 0
        self._good = [0] * _SLOTS
        self._bad = [0] * _SLOTS

    def _turn(self, now: float) -> int:
        """The window's newest part, those before it that nobody counted in emptied."""
        slot = int(now * _SLOTS / self.breaker.over_s)
        passed = slot - self._slot
        if passed > 0:
            for old in range(self._slot + 1, self._slot + 1 + min(passed, _SLOTS)):
                self._good[old % _SLOTS] = self._bad[old % _SLOTS] = 0
            self._slot = slot
        return self._slot % _SLOTS
