"""The clocks of one attempt, and the comment that keeps a silent stream alive: one alarm for all of them.

The alarm looks at when something last happened and sets itself anew, so a chunk costs one assignment and no timer.
Nor does an attempt: the event loop's timers are dear to make and to take away, so all of a worker's share one.
"""

import asyncio
from collections.abc import Callable
from math import ceil
from types import TracebackType
from typing import NamedTuple, Protocol

from backends.errors import TimedOut
from backends.types import Clocks
from gateway.dispatch.pace import LOOK_EVERY_S, Pace

SILENCE_S = 15.0
AFTER_DONE_S = 1.0
TICKS_PER_S = 20
"""How finely time is told: a clock runs out at most a twentieth of a second late, and never early."""


class HedgeLost(Exception):
    """Another attempt at the same request had something for the caller first."""


class Late(NamedTuple):
    """Called once, when nothing has come by then."""

    at: float
    """The loop's seconds."""
    call: Callable[[], None]


class Progress(Protocol):
    """What the clocks look at."""

    started: bool
    """Something the caller can see has come: content or reasoning."""
    last_data: float
    last_write: float
    draining: bool
    """Waiting for a caller who reads slowly: then no silence is the upstream's."""

    @property
    def done(self) -> bool:
        """The terminator has been seen; only the end of the connection's answer is missing."""

    def keep_alive(self) -> None:
        """Tell a waiting caller that we are still here."""


class Alarms:
    """Who is to be looked at, and when. A worker has one; it ticks only while somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._due: dict[int, set[Watch]] = {}
        """By tick of the loop's clock."""
        self._reached = 0
        self._ticking = False

    def set(self, watch: "Watch", at: float) -> int:
        """Look at this one as soon as it is so late. Returns the tick, for `forget`."""
        if not self._ticking:
            self._ticking = True
            self._reached = int(self.loop.time() * TICKS_PER_S)
            self._wait()
        tick = ceil(at * TICKS_PER_S)
        if tick <= self._reached:
            tick = self._reached + 1
        waiting = self._due.get(tick)
        if waiting is None:
            self._due[tick] = {watch}
        else:
            waiting.add(watch)
        return tick

    def forget(self, watch: "Watch", tick: int) -> None:
        """No more of this one."""
        waiting = self._due.get(tick)
        if waiting is not None:
            waiting.discard(watch)
            if not waiting:
                del self._due[tick]

    def waiting(self) -> list["Watch"]:
        """All that have not ended."""
        return [watch for waiting in self._due.values() for watch in waiting]

    def _wait(self) -> None:
        self.loop.call_at((self._reached + 1) / TICKS_PER_S, self._tick)

    def _tick(self) -> None:
        now = int(self.loop.time() * TICKS_PER_S)
        for tick in range(self._reached + 1, now + 1):
            self._reached = tick
            for watch in self._due.pop(tick, ()):
                try:
                    watch.look()
                except Exception as error:  # noqa: BLE001  what one of them raises is not the others' loss
                    self.loop.call_exception_handler({"message": "a clock could not be looked at", "exception": error})
        self._ticking = bool(self._due)
        if self._ticking:
            self._wait()


class Watch:
    """`with Watch(...)`: raises TimedOut naming the clock that ran out; a caller's cancellation passes through.

    Inside a task only. Like asyncio.timeout, with several clocks of which the next due one counts.
    """

    __slots__ = (
        "_alarms",
        "_cancelling",
        "_clocks",
        "_expired",
        "_late",
        "_lost",
        "_pace",
        "_progress",
        "_sent_at",
        "_stream",
        "_stream_total_at",
        "_task",
        "_tick",
        "_total_at",
    )

    def __init__(
        self,
        alarms: Alarms,
        progress: Progress,
        clocks: Clocks,
        *,
        stream: bool,
        total_at: float,
        stream_total_at: float,
        late: Late | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._alarms = alarms
        self._progress = progress
        self._clocks = clocks
        self._stream = stream
        self._total_at = total_at
        self._stream_total_at = stream_total_at
        self._late = late
        self._pace = pace
        self._lost = False
        self._sent_at = alarms.loop.time()
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._tick = 0
        self._expired: str | None = None

    def __enter__(self) -> "Watch":
        self._task = task = asyncio.current_task(self._alarms.loop)
        assert task is not None
        self._cancelling = task.cancelling()
        if self._stream:
            self.look()
        else:  # nothing that happens on the way moves a clock: set once
            self._tick = self._alarms.set(self, min(self._sent_at + self._clocks.answer_s, self._total_at))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarms.forget(self, self._tick)
        task, self._task = self._task, None
        if task is None or (self._expired is None and not self._lost):
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise (HedgeLost() if self._expired is None else TimedOut(self._expired)) from error

    def expire(self, clock: str) -> None:
        """Run out now."""
        if self._task is not None and self._expired is None and not self._lost:
            self._expired = clock
            self._task.cancel()

    def lose(self) -> None:
        """Somebody else answers: end now, with HedgeLost."""
        if self._task is not None and self._expired is None and not self._lost:
            self._lost = True
            self._task.cancel()

    def look(self) -> None:
        """See which clock has run out; if none, when to look again."""
        if self._task is None:
            return
        now = self._alarms.loop.time()
        due, clock = self._next_due()
        if now >= due:
            self.expire(clock)
            return
        if self._stream:
            # Whatever happens from now on, this is the earliest that the clock between tokens can run out.
            due = min(due, now + self._clocks.between_tokens_s)
        if self._late is not None:
            due = min(due, self._look_for_lateness(self._late, now))
        if self._pace is not None:
            due = min(due, now + LOOK_EVERY_S)
            if self._keeps_too_slow_a_pace(self._pace, now):
                self.expire("min_rate")
                return
        if self._stream and not self._progress.draining:
            silent_at = self._progress.last_write + SILENCE_S
            if now >= silent_at:
                self._progress.keep_alive()
                silent_at = now + SILENCE_S
            due = min(due, silent_at)
        self._tick = self._alarms.set(self, due)

    def _look_for_lateness(self, late: Late, now: float) -> float:
        """When to look again."""
        if now < late.at and not self._progress.started:
            return late.at
        self._late = None
        if not self._progress.started:
            late.call()
        return now + self._clocks.between_tokens_s

    def _keeps_too_slow_a_pace(self, pace: Pace, now: float) -> bool:
        progress = self._progress
        if progress.draining or progress.done or not progress.started:
            pace.begin_anew()
            return False
        return pace.is_too_slow(now)

    def _next_due(self) -> tuple[float, str]:
        clocks = self._clocks
        if not self._stream:
            answer_at = self._sent_at + clocks.answer_s
            return (answer_at, "answer") if answer_at <= self._total_at else (self._total_at, "total")
        if not self._progress.started:
            return min((self._sent_at + clocks.first_token_s, "first_token"), (self._total_at, "total"))
        if self._progress.done:
            return self._progress.last_data + AFTER_DONE_S, "between_tokens"
        if self._progress.draining:
            return self._stream_total_at, "stream_total"
        return min(
            (self._progress.last_data + clocks.between_tokens_s, "between_tokens"),
            (self._stream_total_at, "stream_total"),
        )
