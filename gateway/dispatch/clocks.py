"""The clocks of one attempt, and the comment that keeps a silent stream alive: one timer for all of them.

The timer looks at when something last happened and sets itself anew, so a chunk costs one assignment and no timer.
"""

import asyncio
from types import TracebackType
from typing import Protocol

from backends.errors import TimedOut
from backends.types import Clocks

SILENCE_S = 15.0
AFTER_DONE_S = 1.0


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


class Watch:
    """`with Watch(...)`: raises TimedOut naming the clock that ran out; a caller's cancellation passes through.

    Inside a task only. Like asyncio.timeout, with several clocks of which the next due one counts.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        progress: Progress,
        clocks: Clocks,
        *,
        stream: bool,
        total_at: float,
        stream_total_at: float,
    ) -> None:
        self._loop = loop
        self._progress = progress
        self._clocks = clocks
        self._stream = stream
        self._total_at = total_at
        self._stream_total_at = stream_total_at
        self._sent_at = loop.time()
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._handle: asyncio.TimerHandle | None = None
        self._expired: str | None = None

    def __enter__(self) -> "Watch":
        self._task = asyncio.current_task(self._loop)
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        if self._stream:
            self._look()
        else:  # nothing that happens on the way moves a clock: set once
            self._handle = self._loop.call_at(self._next_due()[0], self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None  # it leads back here: a cycle
        task, self._task = self._task, None
        if self._expired is None or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimedOut(self._expired) from error

    def expire(self, clock: str) -> None:
        """Run out now."""
        if self._task is not None and self._expired is None:
            self._expired = clock
            self._task.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        due, clock = self._next_due()
        if now >= due:
            self.expire(clock)
            return
        if self._stream:
            # Whatever happens from now on, this is the earliest that the clock between tokens can run out.
            due = min(due, now + self._clocks.between_tokens_s)
        if self._stream and not self._progress.draining:
            silent_at = self._progress.last_write + SILENCE_S
            if now >= silent_at:
                self._progress.keep_alive()
                silent_at = now + SILENCE_S
            due = min(due, silent_at)
        self._handle = self._loop.call_at(due, self._look)

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
