"""Brings a journal's records into Redis, each exactly once, whatever happens to either side.

Per partition Redis keeps, beside the counters, the number of the last record of this journal that they hold, and one
script moves both in one step (store/lua/apply_records.lua). A batch that Redis had already, though its answer was lost,
is skipped; one that comes after a gap, because Redis lost its last seconds, is refused. Either way Redis answers the
number in force and the journal is read again from there. One flusher per journal, used by one task at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import orjson

from gateway.log import get
from gateway.metering.backlog import Backlog
from gateway.metering.cube import Cube, Increments
from gateway.metering.journal import Journal
from gateway.metering.lines import DoneLine, done_places, read_done
from gateway.store import keyspace
from gateway.store.redis import Script, Store

LINES_PER_TURN = 2_000
"""Lines looked at before other tasks get their turn."""
BATCH = 250
"""Records per script call: a few milliseconds of Redis' time at most."""


class Flusher:
    """Applies what is pending in one journal."""

    def __init__(self, journal: Journal, store: Store, script: Script, cube: Cube) -> None:
        self._journal = journal
        self._store = store
        self._script = script
        self._cube = cube

    @property
    def _backlog(self) -> Backlog:
        return self._journal.backlog

    async def flush(self) -> None:
        """One round over all that is pending. Raises StoreUnavailable when Redis is away; what is left comes later."""
        on_disk = False
        for partition in list(self._backlog.behind):
            while partition in self._backlog.behind:
                batch = self._backlog.next_held(partition, BATCH)
                if batch is None:
                    on_disk = True
                    break
                await self._apply(partition, batch, base=batch[0].seq - 1, last=batch[-1].seq)
        if on_disk:
            await self._replay()

    async def verify(self) -> None:
        """Ask Redis how far it has come. Where that is less than we thought, the next flush sends again."""
        numbered = [partition for partition, last in enumerate(self._backlog.last) if last]
        answers = await self._store.execute_all(
            [("HGET", keyspace.applied(partition), self._journal.id) for partition in numbered]
        )
        for partition, answer in zip(numbered, answers, strict=True):
            self._note(partition, int(answer or 0))

    async def forget(self) -> None:
        """Drop Redis' notes of a journal whose files are gone."""
        await self._store.execute_all(
            [
                ("HDEL", keyspace.applied(partition), self._journal.id)
                for partition, last in enumerate(self._backlog.last)
                if last
            ]
        )

    async def _replay(self) -> None:
        """Read from disk what is not held in memory, and apply it in batches as it comes."""
        next_seq = {partition: self._backlog.applied[partition] + 1 for partition in self._backlog.behind}
        last = self._backlog.last[:]
        gathered: dict[int, list[DoneLine]] = {}
        async for done in self._on_disk(dict(next_seq)):
            partition = done.partition
            batch = gathered.setdefault(partition, [])
            # A batch is one unbroken run: it ends at its bound, and where the journal itself has a gap.
            if batch and (len(batch) >= BATCH or done.seq != batch[-1].seq + 1):
                await self._apply_from_disk(batch, next_seq)
                batch = gathered[partition] = []
            batch.append(done)
        for batch in gathered.values():
            await self._apply_from_disk(batch, next_seq)
        for partition, following in next_seq.items():
            if following <= last[partition]:
                self._alarm(partition, last[partition] - following + 1)
                await self._apply(partition, [], base=following - 1, last=last[partition])

    async def _on_disk(self, next_seq: dict[int, int]) -> AsyncIterator[DoneLine]:
        """The records from these numbers on, in the order of the file."""
        for count, line in enumerate(self._journal.segments.lines(self._backlog.applied), 1):
            if count % LINES_PER_TURN == 0:
                await asyncio.sleep(0)
            wanted = [(p, seq) for p, seq in done_places(line) if seq >= next_seq.get(p, seq + 1)]
            if not wanted:
                continue
            next_seq.update((partition, seq + 1) for partition, seq in wanted)
            try:
                done = read_done(line)
            except (ValueError, KeyError, TypeError) as error:
                # Damaged, by a power cut: the gap that it leaves raises the alarm.
                get("metering").error("journal_line_unreadable", journal=self._journal.id, error=str(error))
                continue
            for partition, seq in wanted:
                yield replace(done, partition=partition, seq=seq)

    async def _apply_from_disk(self, batch: list[DoneLine], next_seq: dict[int, int]) -> None:
        partition = batch[0].partition
        expected = next_seq.get(partition)
        if expected is None:  # Redis is further behind than this pass began: the next one starts from there.
            return
        missing = batch[0].seq - expected
        if missing:
            self._alarm(partition, missing)
        applied = await self._apply(partition, batch, base=expected - 1, last=batch[-1].seq)
        while batch[0].seq <= applied < batch[-1].seq:  # Redis had the first part.
            batch = batch[applied - batch[0].seq + 1 :]
            applied = await self._apply(partition, batch, base=applied, last=batch[-1].seq)
        if applied >= batch[-1].seq:
            next_seq[partition] = batch[-1].seq + 1
        else:
            del next_seq[partition]

    def _alarm(self, partition: int, records: int) -> None:
        """Neither Redis nor the journal has these any more: the ledger is short of them, and goes on."""
        get("metering").error("journal_records_lost", journal=self._journal.id, partition=partition, records=records)

    async def _apply(self, partition: int, batch: Sequence[DoneLine], base: int, last: int) -> int:
        """One script call. Returns the number that Redis has now; the batch was applied if it followed `base`."""
        keys, args = self._arguments(partition, self._cube.add_up(partition, batch))
        head = [self._journal.id, base, last, keyspace.REQUESTS_KEPT, keyspace.REQUESTS_KEPT_S]
        applied = int(await self._store.run(self._script, keys, [*head, *args]))
        self._note(partition, applied)
        return applied

    def _note(self, partition: int, applied: int) -> None:
        if applied != self._backlog.applied[partition]:
            self._backlog.set_applied(partition, applied, self._journal.clock())

    def _arguments(self, partition: int, total: Increments) -> tuple[list[str], list[Any]]:
        keys = [
            keyspace.applied(partition),
            keyspace.dimensions(partition),
            keyspace.recent(partition),
            keyspace.requests(partition),
            keyspace.days(partition),
            keyspace.leases(partition, self._journal.id),
            *total.counters,
            *(keyspace.money(account, period) for account, period in total.charges),
        ]
        args: list[Any] = [len(total.dimensions)]
        for pair in total.dimensions.items():
            args += pair
        args += (len(total.days), *total.days, len(total.counters))
        for name, increments in total.counters.items():
            args += (total.expiries[name], len(increments))
            for counter in increments.items():
                args += counter
        args.append(len(total.charges))
        for (account, period), charge in total.charges.items():
            args += (keyspace.lease_field(account, period), charge, keyspace.money_expires_at(period))
        places = [(at, request_id) for request_id, at in total.admitted.items()]
        args.append(orjson.dumps(list(chain.from_iterable(places))))
        args += [b"[%b]" % attempts for attempts in total.entries.values()]
        return keys, args
