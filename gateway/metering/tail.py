"""The end of a journal's file, where lines are added: mapped into memory where the system can, else by `write`.

A store into the mapping is in the kernel's page cache at once and survives the process, as with `write`, for a quarter
of its cost; neither survives a power cut before the next sync. The file is allocated in blocks before it is stored
into, so that a full disk is an error there and never a store that kills us (see slots.py). So the file of a living
process ends in zeros: whoever reads it takes whole lines only.
"""

import contextlib
import mmap
import os
from typing import Protocol

BLOCK_BYTES = 1024 * 1024
"""What the file grows by; made whole pages."""
_LF = 10
_PAGE = mmap.ALLOCATIONGRANULARITY


class Tail(Protocol):
    """Where the next line goes."""

    def write(self, line: bytes, at: int) -> None:
        """Add one line, its line feed included, where the last one ended. All of it, or nothing and an OSError."""

    def close(self, size: int) -> None:
        """No more lines: the file ends here. The descriptor stays open."""


def tail_of(descriptor: int, size: int) -> Tail:
    """The end of a file of this size. Not every file system can be mapped, nor can macOS allocate in advance."""
    with contextlib.suppress(OSError):
        if hasattr(os, "posix_fallocate"):
            return MappedTail(descriptor, size)
    return AppendingTail(descriptor)


class AppendingTail:
    """Implements Tail with one `write` per line."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, line: bytes, at: int) -> None:
        """What a full disk took of a line that does not fit is cut off again."""
        try:
            write_whole(self._descriptor, line)
        except OSError:
            os.ftruncate(self._descriptor, at)
            raise

    def close(self, size: int) -> None:
        """Nothing stands past the last line."""


class MappedTail:
    """Implements Tail with a mapping of the file's last block."""

    __slots__ = ("_begins", "_descriptor", "_length", "_map")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._begins = self._length = 0
        self._map: mmap.mmap | None = None
        self._extend(size, 1)

    def write(self, line: bytes, at: int) -> None:
        """The line feed is stored last: a process killed on the way leaves a line without one, which counts for none.

        Stores of one process are seen in their order by whoever reads after its death.
        """
        here = at - self._begins
        last = here + len(line) - 1
        if last >= self._length:
            self._extend(at, len(line))
            here = at - self._begins
            last = here + len(line) - 1
        mapped = self._map
        assert mapped is not None
        mapped[here:last] = line[:-1]
        mapped[last] = _LF

    def close(self, size: int) -> None:
        """The zeros at the end go."""
        if self._map is not None:
            self._map.close()
            self._map = None
            self._length = 0
            os.ftruncate(self._descriptor, size)

    def _extend(self, at: int, needed: int) -> None:
        """Map a new last block, from the page that `at` lies in."""
        begins = at // _PAGE * _PAGE
        length = -(-max(BLOCK_BYTES, at - begins + needed) // _PAGE) * _PAGE
        os.posix_fallocate(self._descriptor, begins, length)
        former, self._map = self._map, mmap.mmap(self._descriptor, length, offset=begins)
        self._begins, self._length = begins, length
        if former is not None:
            former.close()


def write_whole(descriptor: int, content: bytes) -> None:
    """One `write` that takes all or raises. What it took of a content that does not fit is the caller's to undo."""
    if os.write(descriptor, content) != len(content):
        raise OSError("the disk is full")
