"""The door's Responder on a transport: what is gathered goes out in one write, since uvloop sends at the first.

A unary answer is head and body in one piece, with its length. A stream's head leaves with its first chunk and its
terminator with its last, so each costs one system call.
"""

import re
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Protocol

from backends.backend import Flow
from gateway.door import ClientLeft
from gateway.errors import GatewayError

_LAST_CHUNK: Final = b"0\r\n\r\n"
_UNFIT: Final = re.compile(r"[\r\n\0]+")
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Outlet(Protocol):
    """The connection, as the responder sees it."""

    gone: bool
    """Nothing more can be said to this caller."""
    writing_paused: bool
    """The transport is above its high-water mark."""

    def send(self, data: bytes) -> None:
        """One write; nothing, if the caller is gone."""

    async def writable(self) -> None:
        """Wait until the transport is below its low-water mark, or the caller gone."""

    def will_persist(self) -> bool:
        """Whether the connection stays open after this answer."""


class DateLine:
    """`server` and `date`, made anew each second. One per worker."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = -1
        self._line = ""

    def __call__(self) -> str:
        """The two lines."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"server: headrace\r\ndate: {formatdate(second, usegmt=True)}\r\n"
        return self._line


class DataPlaneResponder:
    """Implements gateway.door.Responder, for one answer."""

    __slots__ = (
        "_always",
        "_chunked",
        "_date",
        "_flow",
        "_gathered",
        "_headers",
        "_modern",
        "_outlet",
        "_status",
        "_streaming",
        "persistent",
        "started",
    )

    def __init__(self, outlet: Outlet, modern: bool, always: Mapping[str, str], date: DateLine) -> None:
        self.started = False
        self.persistent = False
        """The caller was told that it may use the connection again."""
        self._outlet = outlet
        self._modern = modern
        self._always = always
        self._date = date
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._gathered: list[bytes] = []
        self._streaming = False
        self._chunked = False
        self._flow: Flow | None = None

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers; they leave with the first bytes."""
        self.started = True
        self._status = status
        self._headers = headers

    def write(self, data: bytes) -> None:
        """Gather."""
        if data:  # an empty chunk would end the answer
            self._gathered.append(data)

    def flush(self) -> None:
        """Write what was gathered, in one piece."""
        gathered = self._gathered
        if not gathered:
            return
        data = gathered[0] if len(gathered) == 1 else b"".join(gathered)
        gathered.clear()
        self._outlet.send(self._framed(data) if self._streaming else self._first(data))

    async def drain(self) -> None:
        """Write; wait while the caller's socket is full."""
        self.flush()
        if self._outlet.writing_paused:
            await self._outlet.writable()
        if self._outlet.gone:
            raise ClientLeft

    async def end(self) -> None:
        """The answer is whole. Does not wait: what the transport still holds is its own to deliver."""
        if self._outlet.gone:
            raise ClientLeft
        self.finish()

    def finish(self) -> None:
        """The last bytes."""
        gathered = self._gathered
        data = gathered[0] if len(gathered) == 1 else b"".join(gathered)
        gathered.clear()
        if not self._streaming:
            self._outlet.send(self._head(f"content-length: {len(data)}\r\n", self._outlet.will_persist()) + data)
        elif self._chunked:
            self._outlet.send(self._framed(data) + _LAST_CHUNK if data else _LAST_CHUNK)
        else:
            self._outlet.send(data)

    def refuse(self, error: GatewayError, request_id: str, body: bytes) -> None:
        """A whole answer that is an error."""
        headers = {
            "content-type": "application/json",
            "x-should-retry": "true" if error.retry else "false",
            **error.headers,
            "x-request-id": request_id,
            "request-id": request_id,
        }
        self.start(error.status, headers)
        self.write(body)
        self.finish()

    def attach(self, flow: Flow | None) -> None:
        """From now on this upstream is paused while the caller is slow; None: there is none any more."""
        self._flow = flow
        if flow is not None and self._outlet.writing_paused:
            flow.pause()

    def pause(self) -> None:
        """The caller's socket is full."""
        if self._flow is not None:
            self._flow.pause()

    def resume(self) -> None:
        """The caller's socket has room."""
        if self._flow is not None:
            self._flow.resume()

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _first(self, data: bytes) -> bytes:
        self._streaming = True
        if not self._modern:  # no chunks in HTTP/1.0: the end of the connection is the end of the answer
            return self._head("", persistent=False) + data
        self._chunked = True
        return self._head("transfer-encoding: chunked\r\n", self._outlet.will_persist()) + self._framed(data)

    def _head(self, framing: str, persistent: bool) -> bytes:
        self.persistent = persistent
        status = self._status
        headers = self._headers if not self._always else {**self._always, **self._headers}
        lines = "\r\n".join(map(": ".join, headers.items()))
        breaks = len(headers) - 1 if headers else 0
        if lines.count("\n") != breaks or lines.count("\r") != breaks or "\0" in lines:
            # A value with a line break in it would be a header, or an answer, of somebody else's making.
            lines = "\r\n".join([f"{name}: {_UNFIT.sub(' ', value)}" for name, value in headers.items()])
        if lines:
            lines += "\r\n"
        if not persistent:
            framing += "connection: close\r\n"
        elif not self._modern:
            framing += "connection: keep-alive\r\n"
        return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{self._date()}{lines}{framing}\r\n".encode()
