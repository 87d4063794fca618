"""The files of one journal: `ID.lock`, `ID.slots`, and segments `ID.000001.log`, `ID.000002.log`, ...

A segment begins with a head that says where each partition's numbering stood, followed by the `sent` lines of the
attempts that were open then. So the last segment alone tells what is open and where the numbers stand, and a closed
one can go as soon as Redis has surely kept its records, however long a stream that began in it still runs. What
follows the last line feed of a file, a torn line or the zeros of tail.py, is no part of it.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.metering.lines import Head, read_head
from gateway.metering.tail import write_whole


@dataclass(slots=True)
class Segment:
    """One file of the journal."""

    path: Path
    head: Head
    size: int
    applied_since: float | None = None
    """When all its records were first seen to be in Redis, by the journal's clock."""


class Segments:
    """A journal's segments, oldest first; the last one is being written."""

    def __init__(self, directory: Path, journal_id: str) -> None:
        self.directory = directory
        self.journal_id = journal_id
        self.all: list[Segment] = []

    @property
    def slots_path(self) -> Path:
        """Where the journal's slots are."""
        return self.directory / f"{self.journal_id}.slots"

    @property
    def lock_path(self) -> Path:
        """Held by the process that may write this journal."""
        return self.directory / f"{self.journal_id}.lock"

    @property
    def total_bytes(self) -> int:
        """Of all segments that are kept."""
        return sum(segment.size for segment in self.all)

    def begin(self, head: Head, content: bytes) -> int:
        """A new last segment that starts with `content`. It appears whole or not at all. Returns its descriptor."""
        path = self.directory / f"{self.journal_id}.{head.segment:06d}.log"
        unnamed = path.with_suffix(".new")
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            write_whole(descriptor, content)
            unnamed.rename(path)
        except OSError:
            os.close(descriptor)
            unnamed.unlink(missing_ok=True)
            raise
        self.all.append(Segment(path, head, len(content)))
        return descriptor

    def find(self) -> None:
        """Read the heads of what a dead process left. A power cut may leave a file without one: it is passed over."""
        self.all = []
        for path in sorted(self.directory.glob(f"{self.journal_id}.*.log")):
            with path.open("rb") as file:
                head = read_head(file.readline(), self.journal_id)
            if head is not None:
                self.all.append(Segment(path, head, path.stat().st_size))

    def reopen_last(self) -> int:
        """Go on writing the last segment, from its last whole line; what a dead process left behind it is cut off."""
        segment = self.all[-1]
        descriptor = os.open(segment.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        content = segment.path.read_bytes()
        segment.size = content.rfind(b"\n") + 1
        os.ftruncate(descriptor, segment.size)
        return descriptor

    def lines(self, applied: Sequence[int]) -> Iterator[bytes]:
        """All whole lines from the first segment on that holds a record past `applied`, heads included."""
        start = 0
        for index, later in enumerate(self.all[1:], 1):
            if _covers(applied, later.head.last):
                start = index
        for segment in self.all[start:]:
            yield from _whole_lines(segment.path)

    def drop_applied(self, applied: Sequence[int], now: float, kept_s: float, most_bytes: int) -> None:
        """Delete closed segments that Redis has had for long enough; sooner where they are too many."""
        while len(self.all) > 1:
            oldest, following = self.all[0], self.all[1]
            if not _covers(applied, following.head.last):
                oldest.applied_since = None
                return
            oldest.applied_since = now if oldest.applied_since is None else oldest.applied_since
            if now - oldest.applied_since < kept_s and self.total_bytes <= most_bytes:
                return
            oldest.path.unlink(missing_ok=True)
            del self.all[0]

    def delete(self) -> None:
        """All of the journal's files, the lock last."""
        for path in (*self.directory.glob(f"{self.journal_id}.*.log"), self.slots_path, self.lock_path):
            path.unlink(missing_ok=True)


def _covers(applied: Sequence[int], last: Sequence[int]) -> bool:
    return all(have >= needed for have, needed in zip(applied, last, strict=True))


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def take_lock(path: Path, *, create: bool = False) -> int | None:
    """The lock of a journal; None: its process lives (or its files have just gone)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
