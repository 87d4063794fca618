"""The meter of one worker: what dispatch reports to, and the tasks that bring it into Redis.

On the path of a request stand `sent` and the `done` of what it returns: plain calls, one `write` each (journal.py).
Everything else happens in two tasks of the background. Who pays what is in settlement.py.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from gateway.log import get
from gateway.metering.cube import Cube
from gateway.metering.flusher import Flusher
from gateway.metering.journal import Journal, OpenAttempt
from gateway.metering.orphans import Orphans
from gateway.metering.records import AttemptStart
from gateway.store.redis import Script, Store, StoreUnavailable

FLUSH_EVERY_S = 0.2
SYNC_EVERY_S = 0.1
LOOK_AT_REDIS_EVERY_S = 1.0
ADOPT_EVERY_S = 30.0
KEPT_S = 3_600.0
"""How long a journal outlives the arrival of its records in Redis."""


class Meter:
    """Opened once per worker, after the fork."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        *,
        clock: Callable[[], float],
        kept_s: float,
        close_leases: Callable[[Store, str], Awaitable[None]] | None = None,
    ) -> None:
        script, cube = Script.load("apply_records"), Cube()
        self.sent: Callable[[AttemptStart], OpenAttempt] = journal.sent
        """Call it before the upstream has the request. Raises Unavailable when the journal is at its bound."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._kept_s = kept_s
        self._flusher = Flusher(journal, store, script, cube)
        self._orphans = Orphans(journal.segments.directory, store, script, cube, clock=clock, close_leases=close_leases)
        self._run_id: str | None = None
        self._looked_at = self._adopted_at = float("-inf")
        self._store_was_up = True
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        directory: Path,
        store: Store,
        *,
        clock: Callable[[], float] = time.monotonic,
        kept_s: float = KEPT_S,
        close_leases: Callable[[Store, str], Awaitable[None]] | None = None,
    ) -> "Meter":
        """Begin a new journal in this directory, adopt what dead processes left there, and start the tasks.

        `close_leases` ends what a dead journal still holds of budgets, once all that it settled is in Redis.
        """
        journal = Journal.open(directory, clock=clock)
        meter = cls(journal, store, clock=clock, kept_s=kept_s, close_leases=close_leases)
        meter._tasks = [
            asyncio.create_task(meter._every(SYNC_EVERY_S, meter._sync), name="journal sync"),
            asyncio.create_task(meter._every(FLUSH_EVERY_S, meter._tend), name="journal flush"),
        ]
        return meter

    @property
    def journal_id(self) -> str:
        """The name under which this worker holds leases."""
        return self._journal.id

    @property
    def pending_records(self) -> int:
        """Records in this worker's journals that Redis has not applied yet."""
        return self._journal.backlog.pending_records + self._orphans.pending_records

    @property
    def oldest_pending_seconds(self) -> float:
        """Age of the oldest of them."""
        now = self._clock()
        return max(self._journal.backlog.oldest_pending_s(now), self._orphans.oldest_pending_s(now))

    @property
    def seen_run_id(self) -> str | None:
        """The server process that was last asked what it has; None: none yet, or it went away."""
        return self._run_id

    async def flush(self, deadline_s: float) -> bool:
        """Bring everything into Redis now. False: it did not work in time (it is on disk, and will be adopted)."""
        end = self._clock() + deadline_s
        while True:
            try:
                async with self._turn:
                    await self._flusher.flush()
                    await self._orphans.flush()
            except StoreUnavailable as error:
                get("metering").warning("flush_failed", error=str(error))
            if not self.pending_records or self._clock() >= end:
                return not self.pending_records
            await asyncio.sleep(min(FLUSH_EVERY_S, max(0.0, end - self._clock())))

    async def close(self, deadline_s: float = 5.0) -> None:
        """Flush, as far as the deadline allows, and let go of the journals."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self.flush(deadline_s)
        self._journal.close()
        self._orphans.close()

    async def _every(self, pause_s: float, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self._stopping.is_set():
            try:
                await step()
            except Exception:  # noqa: BLE001 - the rim of a background task: metering must go on
                get("metering").exception("metering_step_failed", step=step.__name__)
            try:
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _sync(self) -> None:
        sync = self._journal.sync_later()
        if sync is not None:
            await asyncio.to_thread(sync)

    async def _tend(self) -> None:
        self._journal.tend(self._kept_s)
        try:
            async with self._turn:
                await self._adopt()
                await self._look_at_redis()
                await self._flusher.flush()
                await self._orphans.flush()
                await self._orphans.drop_applied(self._kept_s)
        except StoreUnavailable as error:
            self._run_id = None
            if self._store_was_up:
                get("metering").warning("records_wait_for_redis", error=str(error))
            self._store_was_up = False
        else:
            self._store_was_up = True

    async def _adopt(self) -> None:
        if self._clock() - self._adopted_at >= ADOPT_EVERY_S:
            self._adopted_at = self._clock()
            await asyncio.to_thread(self._orphans.adopt)
            self._run_id = None  # So that Redis is asked what it has of the new ones, and of all others now and then.

    async def _look_at_redis(self) -> None:
        """Another server process may hold less than the former did: ask it what it has, and send the rest again."""
        if self._run_id is not None and self._clock() - self._looked_at < LOOK_AT_REDIS_EVERY_S:
            return
        self._looked_at = self._clock()
        run_id = await self._store.run_id()
        if run_id != self._run_id:
            await self._flusher.verify()
            await self._orphans.verify()
            self._run_id = run_id
