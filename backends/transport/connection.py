"""One connection to an upstream: one exchange at a time, pushed into its sink from the socket's callback.

    idle ── send ──▶ exchange ── answer whole ──▶ idle, or closed where the answer or its framing says so
      │                 └── EOF, reset, cancellation, bad framing, bounds, a sink that raises ──▶ closed
      └── any byte, EOF ──▶ closed

Nothing runs here but callbacks of the loop: no task, no queue, no timer.
"""

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import cast

from backends.backend import Sink
from backends.errors import BackendError, ConnectFailed, ConnectionLost
from backends.transport.answer import AnswerReader
from backends.transport.head import Head
from backends.transport.origin import Origin

# Requests above this are handed over in two pieces: joining them would copy more than a second buffer costs.
JOINED_BELOW = 64 << 10

_UNSOLICITED = select.POLLIN | select.POLLPRI | getattr(select, "POLLRDHUP", 0)


class Valve:
    """Implements backends.backend.Flow for one exchange; shut off with it, since the connection lives on."""

    __slots__ = ("_paused", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport: asyncio.Transport | None = transport
        self._paused = False

    def pause(self) -> None:
        """Let the kernel's buffers fill, and then the upstream wait."""
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def shut(self) -> None:
        """The exchange is over: the connection reads on, whatever the sink says from now on."""
        if self._paused:
            self.resume()
        self._transport = None


class Connection(asyncio.Protocol):
    """Made by connect.py, kept by pool.py, used by push.py."""

    __slots__ = (
        "_exchanges",
        "_future",
        "_gone",
        "_loop",
        "_poll",
        "_reader",
        "_transport",
        "_valve",
        "idle_since",
        "idle_until",
        "on_lost",
        "origin",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = self.idle_until = 0.0
        """The pool's to note."""
        self.on_lost: Callable[[Connection], None] | None = None
        """Called once, when the socket is closed."""
        self._loop = loop
        self._gone = False
        self._exchanges = 0
        self._reader = AnswerReader()
        self._future: asyncio.Future[None] | None = None
        self._valve: Valve | None = None
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None

    @property
    def promised_idle_s(self) -> float | None:
        """How long the server said it keeps an idle connection."""
        return self._reader.idle_s

    @property
    def reusable(self) -> bool:
        """Open, and nothing of an exchange is left on it in either direction."""
        transport = self._transport
        if transport is None or self._gone or self._future is not None or not self._reader.keep_open:
            return False
        # Some servers answer (413) before they have read the request; the rest of it must not meet the next one.
        return transport.get_write_buffer_size() == 0

    @property
    def proven(self) -> bool:
        """The server has kept the connection after an answer. Some say nothing and hang up behind each."""
        return self._exchanges > 1

    def is_stale(self) -> bool:
        """The server has hung up or spoken out of turn, seen or not yet read by the loop: one look at the socket.

        This is what makes using an idle connection safe: what it shows was there before our request, so nothing has
        been sent and another connection can be taken. What arrives later may be an answer to the request, or a server
        that died of it: such a request is never sent again (POST is not idempotent, RFC 9110 9.2.2). A server that
        closes in the moment in which our request is on its way therefore costs an attempt (ConnectionLost); letting go
        of idle connections before servers do keeps it rare.
        """
        return self._gone or self._poll is None or bool(self._poll.poll(0))

    def send(self, head: Head, body: bytes, sink: Sink) -> asyncio.Future[None] | None:
        """Write a request. The future ends with its answer; None: the connection took nothing of it, and is gone."""
        transport = self._transport
        if transport is None or self._gone or transport.is_closing():  # uvloop: a write after the end raises
            return None
        valve = self._valve = Valve(transport)
        try:
            sink.on_flow(valve)
        except BaseException:
            self.abort()
            raise
        self._reader.begin(sink)
        self._exchanges += 1
        future = self._future = self._loop.create_future()
        if len(body) >= JOINED_BELOW:
            transport.writelines((head.render(len(body)), body))
            return future
        transport.write(head.with_body(body))
        if transport.is_closing():
            # A first write is tried at once, within the call, as one system call: it failed, the kernel took no byte.
            self._future = None
            self.abort()
            return None
        return future

    def close(self) -> None:
        """Take leave (TLS: close_notify); only while no exchange runs."""
        self._gone = True
        if self._transport is not None:
            self._transport.close()

    def abort(self, error: BackendError | None = None) -> None:
        """Close the socket now; an exchange under way ends with this error."""
        self._fail(error or ConnectionLost("the connection was closed by us"))

    def _fail(self, error: BaseException) -> None:
        self._end(error)
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: BaseException | None) -> None:
        """The exchange under way is over; the first word on how counts."""
        future, self._future = self._future, None
        valve, self._valve = self._valve, None
        self._reader.release()
        if valve is not None:
            valve.shut()
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshakes are over."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), _UNSOLICITED)

    def data_received(self, data: bytes) -> None:
        """One read, handed on before this returns."""
        if self._future is None:
            self._fail(ConnectionLost("the upstream spoke out of turn"))
            return
        try:
            whole = self._reader.feed(data)
        except BaseException as error:  # noqa: BLE001 - the sink's too: it comes out of exchange()
            self._fail(error)
            return
        if whole:
            self._end(None)

    def eof_received(self) -> None:
        """The server will say no more. Over TLS a bare FIN may or may not come through here (asyncio: yes)."""
        try:
            self._reader.end(clean=self._future is not None and self._ended_cleanly())
        except BackendError as error:
            self._fail(error)
        else:
            self._end(None)
            self._gone = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed. Whoever still waits for an answer has lost it."""
        self._gone = True
        if self._future is not None:
            self._end(self._loss(exc))
        self._reader.close()
        self._transport = self._poll = None
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost(self)

    def _loss(self, exc: Exception | None) -> BackendError:
        reader = self._reader
        if isinstance(exc, ssl.SSLError) and self._exchanges == 1 and not reader.begun and _is_refusal(exc):
            # TLS 1.3: the server judges our certificate after our side of the handshake is over, and before it reads.
            return ConnectFailed(f"the upstream refused our certificate: {exc.reason}")
        how = "the connection was cut" if exc is None else f"the connection broke ({type(exc).__name__})"
        return ConnectionLost(f"{how} {reader.where()}")

    def _ended_cleanly(self) -> bool:
        """Over TLS an end without close_notify (RFC 8446 6.1) may be the work of whoever cut the line.

        asyncio does not say which it was, but OpenSSL does when asked again: nothing more, or an error.
        """
        secured = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        if secured is None:
            return True
        try:
            return not secured.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False

    def __repr__(self) -> str:
        state = "gone" if self._gone else "idle" if self._future is None else "in an exchange"
        return f"<Connection to {self.origin.authority}, {state}>"


def _is_refusal(error: ssl.SSLError) -> bool:
    reason = error.reason or ""
    return "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "ACCESS_DENIED" in reason)
