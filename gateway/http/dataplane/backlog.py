"""What a caller sends while its previous answer is under way, and whether one we don't read from is still there."""

import asyncio
import select
from typing import Final

MOST_WAITING: Final = 64 << 10
"""Bytes. One read may go beyond it; then no more is read."""
# Linux tells of a caller's FIN even behind unread bytes; elsewhere a reset has to do.
_LEFT: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Backlog:
    """Bytes in order, bounded by no longer reading."""

    __slots__ = ("_size", "_transport", "pieces", "reading_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.pieces: list[bytes] = []
        """For a quick look whether there are any."""
        self._size = 0
        self.reading_paused = False

    def add(self, data: bytes) -> None:
        """Keep these for later."""
        self.pieces.append(data)
        self._size += len(data)
        if self._size > MOST_WAITING and not self.reading_paused:
            self.reading_paused = True
            self._transport.pause_reading()

    def take(self) -> bytes:
        """Everything that waits."""
        data = b"".join(self.pieces)
        self.drop()
        return data

    def drop(self) -> None:
        """Nobody will ask for these any more."""
        self.pieces.clear()
        self._size = 0

    def read_on(self) -> None:
        """Read again, if there is room again."""
        if self.reading_paused and self._size <= MOST_WAITING:
            self.reading_paused = False
            self._transport.resume_reading()

    def caller_is_gone(self) -> bool:
        """What reading would have told us: asked of the kernel, while we don't read."""
        socket = self._transport.get_extra_info("socket") if self.reading_paused else None
        if socket is None:
            return False
        poll = select.poll()
        poll.register(socket.fileno(), _LEFT)
        return bool(poll.poll(0))
