"""Journals whose process is dead: whoever gets such a journal's lock ends its open attempts and applies what is left.

The lock is then kept, for an hour after all is in Redis: if Redis comes back with less than it had, the records are
sent again from here. After that the files go. If the adopter dies too, its orphans are orphans again.
"""

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.log import get
from gateway.metering.cube import Cube
from gateway.metering.flusher import Flusher
from gateway.metering.journal import Journal
from gateway.metering.lines import SentLine
from gateway.metering.records import Ending, EndState
from gateway.metering.segments import Segments, take_lock
from gateway.metering.slots import read_slots, slot_value
from gateway.store.redis import Script, Store

KILLED_STATUS = 500


class Orphan:
    """An adopted journal."""

    def __init__(self, journal: Journal, flusher: Flusher) -> None:
        self.journal = journal
        self.flusher = flusher
        self.applied_since: float | None = None
        self.leases_closed = False


class Orphans:
    """The adopted journals of one directory."""

    def __init__(
        self,
        directory: Path,
        store: Store,
        script: Script,
        cube: Cube,
        *,
        clock: Callable[[], float] = time.monotonic,
        close_leases: Callable[[Store, str], Awaitable[None]] | None = None,
    ) -> None:
        self._directory = directory
        self._store = store
        self._script = script
        self._cube = cube
        self._clock = clock
        self._close_leases = close_leases
        self._adopted: list[Orphan] = []

    def __len__(self) -> int:
        return len(self._adopted)

    @property
    def pending_records(self) -> int:
        """What their journals hold and Redis does not, as far as we know."""
        return sum(orphan.journal.backlog.pending_records for orphan in self._adopted)

    def oldest_pending_s(self, now: float) -> float:
        """Age of the oldest of those."""
        return max((orphan.journal.backlog.oldest_pending_s(now) for orphan in self._adopted), default=0.0)

    def adopt(self) -> int:
        """Take every journal that nobody holds and end its open attempts, on disk. Returns how many were taken."""
        taken = 0
        for path in sorted(self._directory.glob("*.lock")):
            lock = take_lock(path)
            if lock is not None:
                taken += self._take(Segments(self._directory, path.stem), lock)
        return taken

    async def flush(self) -> None:
        """Apply what is pending. Raises StoreUnavailable."""
        for orphan in self._adopted:
            await orphan.flusher.flush()

    async def verify(self) -> None:
        """Ask Redis what it has of each, so that `flush` sends what it lacks. Raises StoreUnavailable."""
        for orphan in self._adopted:
            await orphan.flusher.verify()
            orphan.leases_closed = False  # a Redis that came back with less may hold them again

    async def drop_applied(self, kept_s: float) -> None:
        """Delete the journals that have been in Redis for long enough."""
        now = self._clock()
        for orphan in list(self._adopted):
            if orphan.journal.backlog.behind:
                orphan.applied_since = None
                continue
            if not orphan.leases_closed and self._close_leases is not None:
                await self._close_leases(self._store, orphan.journal.id)
                orphan.leases_closed = True
            orphan.applied_since = now if orphan.applied_since is None else orphan.applied_since
            if now - orphan.applied_since >= kept_s:
                # Files first: a number that Redis forgets while the files exist would have them counted twice.
                orphan.journal.segments.delete()
                self._adopted.remove(orphan)
                orphan.journal.close()
                await orphan.flusher.forget()

    def close(self) -> None:
        """Let go of all locks."""
        for orphan in self._adopted:
            orphan.journal.close()
        self._adopted = []

    def _take(self, segments: Segments, lock: int) -> int:
        segments.find()
        if not segments.all:  # Its process died before the first line, or a power cut took it all.
            segments.delete()
            os.close(lock)
            return 0
        died_at = segments.all[-1].path.stat().st_mtime  # which reopening may change
        journal = Journal.reopen(segments, lock, clock=self._clock)
        found = journal.orphaned()
        slots = read_slots(segments.slots_path)
        for each in found:
            journal.settle_orphan(each, _killed(each, slots, died_at))
        journal.backlog.expect_nothing_applied(self._clock())
        self._adopted.append(Orphan(journal, Flusher(journal, self._store, self._script, self._cube)))
        get("metering").info("journal_adopted", journal=journal.id, open_attempts=len(found))
        return 1


def _killed(attempt: SentLine, slots: bytes, died_at: float) -> Ending:
    return Ending(
        state=EndState.KILLED,
        status=KILLED_STATUS,
        final=True,
        content_events=slot_value(slots, attempt.slot),
        error="worker_killed",
        duration_s=max(0.0, died_at - attempt.start.at),
    )
