"""One keep-alive client connection: sends a ready-made request, finds the answer's end, tells its reader."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

_CHUNKED_END = b"\r\n0\r\n\r\n"
_LOST = 0
"""The status of an answer that never came."""


class Reader(Protocol):
    """Who waits for the answer."""

    def on_data(self, data: bytes) -> None:
        """Bytes of the answer as they came, head and framing included."""

    def on_end(self, connection: "Connection", status: int, *, whole: bool) -> None:
        """The answer is over; the connection may be used again when it was whole."""


class Connection(asyncio.Protocol):
    """Knows no more of HTTP than where one answer stops: by its length, or by its last chunk."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: Reader | None = None
        self._head = b""
        self._tail = b""
        self._status = _LOST
        self._left: int | None = None
        """Bytes of the body still to come; None when it is chunked."""

    @property
    def usable(self) -> bool:
        return self._transport is not None and self._reader is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._finish(whole=False)

    def send(self, request: bytes, reader: Reader) -> None:
        if self._transport is None:
            reader.on_end(self, _LOST, whole=False)
            return
        self._reader, self._head, self._tail, self._status = reader, b"", b"", _LOST
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            return
        self._reader.on_data(data)
        if self._status == _LOST:
            self._head += data
            head_end = self._head.find(b"\r\n\r\n")
            if head_end < 0:
                return
            data = self._head[head_end + 2 :]  # keeps a line end, so that an empty chunked body ends as others do
            self._read_head(self._head[:head_end].lower())
            if self._left is not None:
                self._left += 2
        self._read_body(data)

    def _read_head(self, head: bytes) -> None:
        self._status = int(head[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            self._left = None
            return
        self._left = int(head[at + 17 :].partition(b"\r\n")[0])

    def _read_body(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
            if self._left <= 0:
                self._finish(whole=True)
            return
        self._tail = data[-7:] if len(data) >= 7 else (self._tail + data)[-7:]
        if self._tail == _CHUNKED_END:
            self._finish(whole=True)

    def _finish(self, *, whole: bool) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.on_end(self, self._status, whole=whole)


async def connect(port: int, count: int) -> list[Connection]:
    """Open `count` connections, a few at a time so that no accept queue overflows."""
    deadline_s = 20 + count / 200
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    async with asyncio.timeout(deadline_s):
        for first in range(0, count, 16):
            batch = (open_one(loop, port) for _ in range(first, min(count, first + 16)))
            opened.extend(await asyncio.gather(*batch))
    return opened


async def open_one(loop: asyncio.AbstractEventLoop, port: int) -> Connection:
    """One connection, which keeps nothing of who had its port before."""
    make: Callable[[], Connection] = Connection
    _, connection = await loop.create_connection(make, "127.0.0.1", port)
    return connection
