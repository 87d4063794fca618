"""How long a caller may take, and one timer for all connections of a worker instead of one for each.

The sweep looks at an eighth of the connections every eighth of a second: each is looked at once a second, and no look
holds the loop up for long.
"""

import asyncio
import itertools
from typing import Final, Protocol

HEAD_S: Final = 10.0
"""From a request's first byte to the end of its head."""
BODY_IDLE_S: Final = 10.0
BODY_TOTAL_S: Final = 60.0
IDLE_S: Final = 75.0
"""Between requests."""
WRITE_S: Final = 60.0
"""Without a byte taken, while there is more for the caller than its socket holds."""
LINGER_S: Final = 2.0
"""After a refusal: what is still sent is dropped, so that the caller can read the answer before the connection ends."""
_SHARES: Final = 8
_EVERY_S: Final = 1.0 / _SHARES


class WriteClock:
    """Runs while there is something the caller should take, and starts anew with every byte it takes."""

    __slots__ = ("_since", "_unsent")

    def __init__(self) -> None:
        self._since = 0.0
        self._unsent = 0

    def start(self, unsent: int, now: float) -> None:
        """So much is waiting."""
        self._unsent = unsent
        self._since = now

    def has_run_out(self, unsent: int, now: float) -> bool:
        """Whether it is as much or more, for too long."""
        if unsent < self._unsent or not unsent:
            self._since = now
        self._unsent = unsent
        return now - self._since >= WRITE_S


class Timed(Protocol):
    """What is looked at."""

    def look(self, now: float) -> None:
        """See whether time is up for anything."""


class Sweep:
    """Looks at each of its connections once a second, as long as there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._shares: tuple[set[Timed], ...] = tuple(set() for _ in range(_SHARES))
        self._turns = itertools.cycle(range(_SHARES))
        self._seats = itertools.cycle(range(_SHARES))
        self._timer: asyncio.TimerHandle | None = None
        self.now = loop.time()
        """The time, at most an eighth of a second old while anybody is watched: what happened when is read off here."""

    def watch(self, connection: Timed) -> int:
        """Look at this one from now on. Returns the seat, for `forget`."""
        seat = next(self._seats)
        self._shares[seat].add(connection)
        if self._timer is None:
            self.now = self._loop.time()
            self._timer = self._loop.call_later(_EVERY_S, self._tick)
        return seat

    def forget(self, connection: Timed, seat: int) -> None:
        """No more of this one."""
        self._shares[seat].discard(connection)

    def stop(self) -> None:
        """Nobody is looked at any more."""
        for share in self._shares:
            share.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        now = self.now = self._loop.time()
        self._timer = self._loop.call_later(_EVERY_S, self._tick) if any(self._shares) else None
        for connection in tuple(self._shares[next(self._turns)]):
            connection.look(now)
