"""The append-only file of one worker: what was sent, and how it ended, on disk before anyone is told.

The kernel has each line (tail.py) before the upstream has the request, or the caller the last byte: a killed process
loses nothing. A power cut loses what `sync` (every 100 ms) had not made durable. Getting the records into Redis is for
flusher.py, the journals of dead processes for orphans.py.
"""

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.errors import Unavailable
from gateway.log import get
from gateway.metering.backlog import Backlog
from gateway.metering.lines import (
    NO_SLOT,
    DoneLine,
    Head,
    SentLine,
    StartWriter,
    done_line,
    done_number,
    done_places,
    head_line,
    read_sent,
    sent_line,
    sent_number,
)
from gateway.metering.records import AttemptStart, Ending, UsageRecord
from gateway.metering.segments import Segments, take_lock
from gateway.metering.settlement import settle
from gateway.metering.slots import Slots
from gateway.metering.tail import AppendingTail, Tail, tail_of
from gateway.store.keyspace import partition_of

SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_AGE_S = 3_600.0
WORTH_CLOSING_BYTES = 1024 * 1024
JOURNAL_BYTES = 4 * 1024 * 1024 * 1024
"""All segments together. Past it nothing more is sent upstream: what could not be metered is not bought."""

_datasync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
_NOWHERE = memoryview(bytearray(8)).cast("Q")


class OpenAttempt:
    """An attempt that was sent and has not ended. `done` ends it, once."""

    __slots__ = ("_index", "_journal", "_view", "number", "record", "slot", "start", "start_json")

    def __init__(self, journal: "Journal", number: int, slot: int, start: AttemptStart, start_json: bytes) -> None:
        self._journal = journal
        self.number = number
        self.slot = slot
        self.start = start
        self.start_json = start_json
        self.record: UsageRecord | None = None
        self._view, self._index = journal.place(slot) if slot != NO_SLOT else (_NOWHERE, 0)

    def __repr__(self) -> str:
        return f"<OpenAttempt {self.start.attempt_id} to {self.start.target}{' done' if self.record else ''}>"

    def progress(self, events: int) -> None:
        """How many content events a stream has brought so far: what is charged if this process dies now."""
        self._view[self._index] = events

    def done(self, ending: Ending) -> UsageRecord:
        """How it ended. In the journal when this returns; a second call changes nothing."""
        if self.record is None:
            self.detach()
            self.record = self._journal.settle_open(self, ending)
        return self.record

    def detach(self) -> None:
        """The journal closes: progress has nowhere to go any more."""
        self._view, self._index = _NOWHERE, 0


class Journal:
    """One journal, open for writing under its lock."""

    def __init__(
        self,
        segments: Segments,
        lock: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        segment_bytes: int = SEGMENT_BYTES,
        most_bytes: int = JOURNAL_BYTES,
    ) -> None:
        self.id = segments.journal_id
        self.segments = segments
        self.clock = clock
        self.backlog = Backlog()
        self._lock = lock
        self._fd = -1
        self._tail: Tail = AppendingTail(self._fd)
        self._starts = StartWriter()
        self._slots: Slots | None = None
        self._number = 0
        self._last = self.backlog.last[:]
        self._open: dict[int, OpenAttempt] = {}
        self._segment_bytes = segment_bytes
        self._most_bytes = most_bytes
        self._full = False
        self._rotate_at_bytes = segment_bytes
        self._begun_at = clock()
        self._unwritten: deque[tuple[bytes, OpenAttempt, tuple[DoneLine, ...]]] = deque()
        """Ended attempts whose lines a full disk has not taken yet: until it does they count as open."""
        self._retired: list[int] = []
        self._dirty = False

    def __repr__(self) -> str:
        return f"<Journal {self.id}: {len(self._open)} open, {self.backlog.pending_records} pending>"

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        segment_bytes: int = SEGMENT_BYTES,
        most_bytes: int = JOURNAL_BYTES,
    ) -> "Journal":
        """A new journal in this directory, with a random id."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        segments = Segments(directory, secrets.token_hex(8))
        # The lock is taken before it has its name: nobody can mistake a journal that is being made for an orphan.
        unnamed = segments.lock_path.with_suffix(".making")
        lock = take_lock(unnamed, create=True)
        assert lock is not None
        unnamed.rename(segments.lock_path)
        journal = cls(segments, lock, clock=clock, segment_bytes=segment_bytes, most_bytes=most_bytes)
        journal._slots = Slots(segments.slots_path)
        journal._begin_segment()
        return journal

    @classmethod
    def reopen(cls, segments: Segments, lock: int, *, clock: Callable[[], float] = time.monotonic) -> "Journal":
        """The journal of a dead process, whose lock we hold. Its open attempts are in `orphaned`."""
        journal = cls(segments, lock, clock=clock)
        journal._fd = segments.reopen_last()
        journal._tail = AppendingTail(journal._fd)
        return journal

    def orphaned(self) -> list[SentLine]:
        """Read the last segment: bring the numbering up to date and return the attempts that have no end."""
        last = list(self.segments.all[-1].head.last)
        sent: dict[int, bytes] = {}
        for line in self.segments.lines(last):
            if (done := done_number(line)) is not None:
                sent.pop(done[0], None)
                for partition, seq in done_places(line):
                    last[partition] = seq
            elif (number_sent := sent_number(line)) is not None:
                sent[number_sent] = line
        self._last = last
        self.backlog = Backlog(last)
        return [found for line in sent.values() if (found := self._read_sent(line)) is not None]

    def _read_sent(self, line: bytes) -> SentLine | None:
        try:
            return read_sent(line)
        except (ValueError, KeyError, TypeError) as error:  # damaged by a power cut: nobody can say what it was
            get("metering").error("journal_line_unreadable", journal=self.id, error=str(error))
            return None

    def settle_orphan(self, found: SentLine, ending: Ending) -> UsageRecord:
        """End an attempt that `orphaned` returned."""
        return OpenAttempt(self, found.number, NO_SLOT, found.start, found.start_json).done(ending)

    def sent(self, start: AttemptStart) -> OpenAttempt:
        """Note that an attempt goes out; call it before the upstream has the request.

        Raises Unavailable when that cannot be noted: what cannot be metered must not be sent.
        """
        if self._full or self._unwritten:
            raise self._unavailable()
        self._number = number = self._number + 1
        slot = NO_SLOT
        if start.stream and self._slots is not None:
            taken = self._slots.take()
            slot = NO_SLOT if taken is None else taken
        attempt = OpenAttempt(self, number, slot, start, self._starts.write(start))
        try:
            self._write(sent_line(number, slot, attempt.start_json))
        except OSError as error:
            self._free(slot)
            raise self._unavailable() from error
        self._open[number] = attempt
        return attempt

    def settle_open(self, attempt: OpenAttempt, ending: Ending) -> UsageRecord:
        """Write the record of an attempt (`OpenAttempt.done` calls it). A full disk delays the line, no more."""
        record = settle(attempt.start, ending)
        partition = partition_of(attempt.start.key_id)
        self._last[partition] = seq = self._last[partition] + 1
        also = self._numbers_elsewhere(attempt.start, partition) if attempt.start.charged_to else ()
        line = done_line(attempt.number, partition, seq, attempt.start_json, record, also)
        done = DoneLine(partition, seq, record, line[:-1], self.clock())
        self._unwritten.append((line, attempt, _in_each(done, also) if also else (done,)))
        self._write_ended()
        return record

    def _numbers_elsewhere(self, start: AttemptStart, home: int) -> Sequence[int]:
        """Accounts that live in other partitions than the key (its team, the organisation): a number in each."""
        numbers = []
        for partition in sorted({partition_of(account) for account, _ in start.charged_to} - {home}):
            self._last[partition] += 1
            numbers += [partition, self._last[partition]]
        return numbers

    def place(self, slot: int) -> tuple[memoryview, int]:
        """Where an attempt with a slot stores its progress."""
        return self._slots.place(slot) if self._slots is not None else (_NOWHERE, 0)

    def sync_later(self) -> Callable[[], None] | None:
        """What makes durable all that is written by now, to be called in a thread; None: nothing new."""
        if not self._dirty:
            return None
        self._dirty = False
        descriptor, retired = self._fd, self._retired
        self._retired = []

        def sync() -> None:
            for old in retired:
                _datasync(old)
                os.close(old)
            _datasync(descriptor)

        return sync

    def tend(self, kept_s: float) -> None:
        """Housekeeping, a few times a second: late lines, a new segment by age, old segments deleted."""
        self._write_ended()
        if self.clock() - self._begun_at > SEGMENT_AGE_S and self.segments.all[-1].size > WORTH_CLOSING_BYTES:
            self._rotate()
        self.segments.drop_applied(self.backlog.applied, self.clock(), kept_s, self._most_bytes // 2)
        self._full = self.segments.total_bytes > self._most_bytes

    def close(self) -> None:
        """Make all durable and let go of the lock: from now on the journal is an orphan."""
        self._write_ended()
        self._tail.close(self.segments.all[-1].size)
        self._dirty = True
        sync = self.sync_later()
        if sync is not None:
            sync()
        os.close(self._fd)
        self._fd = -1
        self._tail = AppendingTail(self._fd)  # a late line must not go into whatever has that number next
        if self._slots is not None:
            for attempt in self._open.values():  # Whoever ends them later must not store into a mapping that is gone.
                attempt.detach()
            self._slots.close()
        os.close(self._lock)

    def _write(self, line: bytes) -> None:
        segment = self.segments.all[-1]
        if segment.size >= self._rotate_at_bytes:
            self._rotate()
            segment = self.segments.all[-1]
        self._dirty = True
        self._tail.write(line, segment.size)
        segment.size += len(line)

    def _write_ended(self) -> None:
        while self._unwritten:
            line, attempt, done = self._unwritten[0]
            try:
                self._write(line)
            except OSError as error:
                get("metering").error("journal_write_failed", error=str(error), waiting=len(self._unwritten))
                return
            self._unwritten.popleft()
            for each in done:
                self.backlog.add(each)
            self._open.pop(attempt.number, None)
            self._free(attempt.slot)

    def _rotate(self) -> None:
        """On to a new segment; on a full disk the old one goes on for a while."""
        former, tail, last = self._fd, self._tail, self.segments.all[-1]
        try:
            self._begin_segment()
        except OSError as error:
            get("metering").error("journal_rotation_failed", error=str(error))
            self._rotate_at_bytes = self.segments.all[-1].size + self._segment_bytes // 8
            return
        tail.close(last.size)
        self._retired.append(former)

    def _begin_segment(self) -> None:
        number = self.segments.all[-1].head.segment + 1 if self.segments.all else 1
        last = self.backlog.last  # not `_last`: that counts lines which are still to be written
        carried = [sent_line(each.number, each.slot, each.start_json) for each in self._open.values()]
        self._fd = self.segments.begin(Head(number, tuple(last)), head_line(self.id, number, last) + b"".join(carried))
        self._tail = tail_of(self._fd, self.segments.all[-1].size)
        self._rotate_at_bytes = self.segments.all[-1].size + self._segment_bytes
        self._begun_at = self.clock()
        self._dirty = True

    def _free(self, slot: int) -> None:
        if slot != NO_SLOT and self._slots is not None:
            self._slots.give_back(slot)

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            "The gateway cannot record what this request would cost (its journal is full). Try again shortly.",
            code="metering_unavailable",
            retry_after_s=5,
        )


def _in_each(done: DoneLine, also: Sequence[int]) -> tuple[DoneLine, ...]:
    """The same record with its place in each of its partitions."""
    others = (replace(done, partition=also[n], seq=also[n + 1]) for n in range(0, len(also), 2))
    return (done, *others)
