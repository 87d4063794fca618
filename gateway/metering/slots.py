"""One memory-mapped number per open stream: how much of it had come when the process died.

A plain store into the mapping reaches the kernel's page cache at once and survives the process (not a power cut). The
file grows by whole blocks, written out in advance: storing into a hole of a sparse file on a full disk would kill us.
"""

import mmap
import os
from pathlib import Path
from struct import unpack_from

SLOT_BYTES = 8
BLOCK_SLOTS = 8_192
"""64 KiB: a multiple of every page size that we run on."""
MOST_BLOCKS = 32


class Slots:
    """The slots of one journal. Past the bound, and on a full disk, streams go without and count as 0 if we die."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._maps: list[mmap.mmap] = []
        self._views: list[memoryview] = []
        self._free: list[int] = []

    def take(self) -> int | None:
        """A slot that holds 0; None: there is no more."""
        if not self._free and not self._grow():
            return None
        slot = self._free.pop()
        block, index = divmod(slot, BLOCK_SLOTS)
        self._views[block][index] = 0
        return slot

    def place(self, slot: int) -> tuple[memoryview, int]:
        """Where to store a slot's number: `view[index] = number`."""
        block, index = divmod(slot, BLOCK_SLOTS)
        return self._views[block], index

    def give_back(self, slot: int) -> None:
        """Its attempt has ended."""
        self._free.append(slot)

    def close(self) -> None:
        """Let go of the mapping; the file stays."""
        for view in self._views:
            view.release()
        for block in self._maps:
            block.close()
        os.close(self._fd)

    def _grow(self) -> bool:
        number = len(self._maps)
        size = BLOCK_SLOTS * SLOT_BYTES
        if number >= MOST_BLOCKS:
            return False
        try:
            if os.pwrite(self._fd, bytes(size), number * size) < size:
                return False
            block = mmap.mmap(self._fd, size, offset=number * size)
        except OSError:
            return False
        self._maps.append(block)
        self._views.append(memoryview(block).cast("Q"))
        self._free.extend(range((number + 1) * BLOCK_SLOTS - 1, number * BLOCK_SLOTS - 1, -1))
        return True


def read_slots(path: Path) -> bytes:
    """The slots that a dead process left; empty when it never had one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def slot_value(slots: bytes, slot: int) -> int:
    """What stands in a slot; 0 for one that the file does not have."""
    at = slot * SLOT_BYTES
    if slot < 0 or at + SLOT_BYTES > len(slots):
        return 0
    value: int = unpack_from("=Q", slots, at)[0]
    return value
