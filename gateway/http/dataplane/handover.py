"""Connections between the two planes: the only file that knows aiohttp's private names (its version is pinned).

There: the transport gets aiohttp's handler, as if that had accepted it, and the bytes that have arrived. Back: when
aiohttp's handler is idle, its parser stands at the border between two requests, and the next one is the data plane's.
Where any of this can't be told for certain, the connection stays with aiohttp for good, which serves the same routes.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from gateway.http.protocol import StrictHandler, StrictServer

IsOurs = Callable[[bytes], bool]
"""Whether these bytes begin a request of the data plane."""
TakeBack = Callable[[asyncio.Transport, bytes, bool], None]
"""A transport, what has arrived on it, and whether it is above its high-water mark."""

_TRIES: Final = 5
"""A caller may send its next request before aiohttp's handler has come back from writing the last answer."""
_LONGEST_HEAD: Final = 32 << 10
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n")
_UNCERTAIN: Final = re.compile(rb"\r\n(?:transfer-encoding|upgrade|expect|connection|sec-websocket[a-z-]*):")


class Borders:
    """Follows a connection's requests just closely enough to know when their parser stands between two of them."""

    __slots__ = ("_head", "_missing", "_sure")

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0
        self._sure = True

    @property
    def at_border(self) -> bool:
        """Between two requests, for certain."""
        return self._sure and not self._head and not self._missing

    def feed(self, data: bytes) -> None:
        """What the parser is given."""
        while data and self._sure:
            if self._missing:
                skipped = min(self._missing, len(data))
                self._missing -= skipped
                data = data[skipped:]
            else:
                data = self._read_head(self._head + data)

    def _read_head(self, data: bytes) -> bytes:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self._head = data
            self._sure = len(data) <= _LONGEST_HEAD
            return b""
        head = data[:end].lower()
        lengths = _LENGTH.findall(head)
        self._head = b""
        self._missing = int(lengths[0]) if lengths else 0
        self._sure = _UNCERTAIN.search(head) is None and head.count(b"content-length") == len(lengths) <= 1
        return data[end:]


class ControlHandler(StrictHandler):
    """aiohttp's protocol for a connection that the data plane gave away, and may take back."""

    def __init__(self, manager: StrictServer, is_ours: IsOurs, take_back: TakeBack, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._is_ours = is_ours
        self._take_back = take_back
        self._borders = Borders()
        self._held = b""
        self._tries = 0
        self._retry: asyncio.Handle | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller: aiohttp's, or the beginning of a request that is not."""
        if self._retry is not None:
            self._held += data
        elif self._borders.at_border and self._is_ours(data):
            self._held = data
            self._tries = _TRIES
            self._give_back()
        else:
            self._feed(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone, or the data plane's again."""
        self._held = b""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        super().connection_lost(exc)

    def _feed(self, data: bytes) -> None:
        self._borders.feed(data)
        super().data_received(data)

    def _give_back(self) -> None:
        self._retry = None
        transport = self.transport
        if transport is None or self._close or self._force_close:
            return
        if self._is_idle():
            data, self._held = self._held, b""
            self.transport = None  # so that what follows does not close it
            self.connection_lost(None)
            self._take_back(transport, data, self._paused)
        elif self._tries:
            self._tries -= 1
            self._retry = self._loop.call_soon(self._give_back)
        else:
            data, self._held = self._held, b""
            self._feed(data)

    def _is_idle(self) -> bool:
        waiter = self._waiter
        waiting = waiter is not None and not waiter.done() and not self._request_in_progress
        return waiting and not self._messages and not self._upgraded and self._payload_parser is None


def hand_over(
    server: StrictServer, transport: asyncio.Transport, data: bytes, paused: bool, is_ours: IsOurs, take_back: TakeBack
) -> None:
    """Give this connection to aiohttp."""
    handler = ControlHandler(server, is_ours, take_back, loop=server._loop, **server._kwargs)  # noqa: SLF001
    transport.set_protocol(handler)
    handler.connection_made(transport)
    if paused:
        handler.pause_writing()
    handler.data_received(data)
