"""One connection: bytes in, requests in order, one answer under way at a time; who comes next waits in the backlog.

At each border between requests the raw bytes decide whether the next one is ours; if not, the connection is handed
over. Reading goes on while an answer is under way, since a caller who leaves is only seen by reading. Where the backlog
makes us stop reading all the same, the sweep asks the kernel.
"""

import asyncio
from typing import Final, cast

from gateway.dialects.openai_errors import render_error
from gateway.errors import GatewayError, TooSlow
from gateway.http.dataplane.acquaintance import Acquaintance
from gateway.http.dataplane.backlog import Backlog
from gateway.http.dataplane.clocks import BODY_IDLE_S, BODY_TOTAL_S, HEAD_S, IDLE_S, LINGER_S, WriteClock
from gateway.http.dataplane.exchange import Exchange
from gateway.http.dataplane.phase import Phase
from gateway.http.dataplane.plane import Plane
from gateway.http.dataplane.reader import RequestReader
from gateway.http.dataplane.responder import DataPlaneResponder
from gateway.http.dataplane.routes import Route

DROPPED_BODY: Final = 64 << 10
"""The rest of a refused request is read and dropped up to this; a connection with more to come is closed."""


class DataPlaneProtocol(asyncio.Protocol):
    """Implements gateway.http.dataplane.exchange.Connection."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._sweep = plane.sweep
        self._transport: asyncio.Transport
        self._backlog: Backlog
        self._reader = RequestReader(plane.state.body_limit)
        self._route: Route | None = None
        self._exchange: Exchange | None = None
        self._phase: int = Phase.IDLE
        self._since = 0.0
        self._body_read_at = 0.0
        self._partial = b""
        self._last = Acquaintance()
        self._taking = False
        self._drained: asyncio.Future[None] | None = None
        self._write_clock = WriteClock()
        self._seat = 0
        self.gone = False
        self.writing_paused = False
        self.peer: str | None = None
        self.shown: tuple[bytes | None, bytes | None] = (None, None)
        self.shown_hash = ""

    def __repr__(self) -> str:
        return f"<DataPlaneProtocol {Phase.NAMES[self._phase]} {self._exchange or ''}>"

    @property
    def idle(self) -> bool:
        """Nothing is under way, and nothing written waits for the caller to take it."""
        return self._phase == Phase.IDLE and not self._transport.get_write_buffer_size()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller."""
        self._transport = cast("asyncio.Transport", transport)
        self._backlog = Backlog(self._transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else None
        self._plane.connections.add(self)
        self._seat = self._sweep.watch(self)
        self._since = self._sweep.now

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002  asyncio's signature
        """The caller is gone, or we are done with it."""
        self._caller_left()
        self._release()

    def eof_received(self) -> bool:
        """The caller has closed its side: it may only have finished sending, but nobody who waits does that."""
        self._caller_left()
        return False

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self._phase == Phase.ANSWER or self.writing_paused or self._backlog.pieces:
            self._keep(data)
        elif not self.gone and not (self._phase == Phase.IDLE and not self._partial and self._take_whole(data)):
            self._take(data)

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        self.writing_paused = True
        self._start_write_clock()
        if self._exchange is not None:
            self._exchange.responder.pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.writing_paused = False
        self._wake()
        if self._exchange is not None:
            self._exchange.responder.resume()
        self._go_on()

    # The exchange's side

    def send(self, data: bytes) -> None:
        """One write. uvloop raises for a write after the connection was lost; here it goes nowhere."""
        if not self.gone:
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait for `resume_writing`, or for the end."""
        while self.writing_paused and not self.gone:
            if self._drained is None:
                self._drained = self._plane.loop.create_future()
            await self._drained

    def will_persist(self) -> bool:
        """Whether a next request may come after the answer under way."""
        plane, head = self._plane, self._reader.head
        ends = plane.closing or plane.state.liveness.draining or self._phase == Phase.LINGER
        return head is not None and head.keep_alive and not ends

    def body_has_begun(self) -> bool:
        """Whether the caller did not wait for our word."""
        return self._reader.complete or self._reader.size > 0

    def refusing(self) -> None:
        """A short rest of the request is read and dropped; a long one, or one that may not come, ends everything."""
        reader = self._reader
        if reader.complete or self._phase == Phase.LINGER:
            return
        short = reader.left is not None and reader.left <= DROPPED_BODY
        if short and reader.head is not None and not reader.head.expects_continue:
            reader.dropping = True
        else:
            self._enter(Phase.LINGER)

    def answered(self, *, persistent: bool) -> None:
        """The exchange is over; the next one in the backlog begins, or the connection ends."""
        self._exchange = None
        if self._phase == Phase.LINGER:
            self._linger()
        elif not persistent:
            self._close_or_linger()
        elif self._reader.complete:
            self._next()

    def abandon(self) -> None:
        """Close without another word: the answer under way can't be ended as one."""
        self.gone = True
        self._transport.abort()

    # The server's side

    def close_when_idle(self) -> None:
        """Nobody is answered after this but who is being answered."""
        if self._phase == Phase.IDLE:
            self._close()

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The request under way."""
        return None if self._exchange is None else self._exchange.task

    def look(self, now: float) -> None:
        """Once a second: whose time is up?"""
        if self._is_lost(now):
            self._caller_left()
            self._transport.abort()
            return
        waited = now - self._since
        if self._phase == Phase.IDLE:
            if waited >= IDLE_S:
                self._close()
        elif self._phase == Phase.HEAD:
            if waited >= HEAD_S:
                self._refuse(TooSlow("The request's head did not arrive in time."))
        elif self._phase == Phase.BODY:
            if waited >= BODY_TOTAL_S or now - self._body_read_at >= BODY_IDLE_S:
                self._refuse(TooSlow("The body did not arrive in time."))
        elif self._phase == Phase.LINGER and waited >= LINGER_S:
            self._close()

    # Reading

    def _take_whole(self, data: bytes) -> bool:
        """A request that came in one piece with nothing behind it, as most do."""
        last, reader = self._last, self._reader
        size = last.meet(data)
        if 0 <= size <= self._plane.state.body_limit:
            self._phase = Phase.ANSWER
            self._route = last.route
            reader.skip(last.head)
            self._exchange = exchange = Exchange(self._plane, self, last.route, last.head)
            exchange.begin_known(data[len(data) - size :])
            return True
        route = self._plane.routes.find(data)
        if route is None or not reader.feed_whole(data):
            return False
        self._route = route
        head = reader.head
        self._open(route)
        if head is not None and self._exchange is not None and self._exchange.admitted:
            last.remember(data, head, route)
        return True

    def _take(self, data: bytes) -> None:
        """Read on from here, request after request."""
        at = 0
        self._taking = True
        try:
            while at < len(data) and not self.gone:
                if self._phase == Phase.ANSWER or self.writing_paused:
                    self._keep(data[at:])
                    break
                if self._route is None:
                    data, at = self._at_border(data, at)
                else:
                    at = self._read(self._route, data, at)
        finally:
            self._taking = False

    def _at_border(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Whose request is it? Returns what is left to read, and from where."""
        if self._partial:
            data, at = self._partial + data[at:], 0
            self._partial = b""
        while data.startswith(b"\r\n", at):  # RFC 9112, section 2.2: empty lines before a request are passed over
            at += 2
        if at:
            data = data[at:]
        self._route = self._plane.routes.find(data)
        if self._route is not None:
            return data, 0
        if not data or self._plane.routes.undecided(data):
            self._partial = data
            if data and self._phase == Phase.IDLE:
                self._enter(Phase.HEAD)
        else:
            self._hand_over(data)
        return b"", 0

    def _read(self, route: Route, data: bytes, at: int) -> int:
        """Up to the next border."""
        reader = self._reader
        try:
            at = reader.feed(data, at)
        except GatewayError as error:
            self._refuse(error)
            return len(data)
        self._body_read_at = self._sweep.now
        if self._phase > Phase.HEAD:
            self._body_is_here()
        elif reader.head is not None:
            self._open(route)
        elif self._phase == Phase.IDLE:
            self._enter(Phase.HEAD)
        return at

    def _open(self, route: Route) -> None:
        """The head is here, and perhaps all of it."""
        head = self._reader.head
        assert head is not None, "this is where it begins"
        self._enter(Phase.BODY)
        self._exchange = exchange = Exchange(self._plane, self, route, head)
        exchange.begin()
        self._body_is_here()

    def _body_is_here(self) -> None:
        if not self._reader.complete or self._phase != Phase.BODY:
            return
        if self._exchange is None:  # refused, and what was left of the request is now dropped
            self._next()
            return
        self._phase = Phase.ANSWER
        self._exchange.body(self._reader.body())

    def _next(self) -> None:
        """Ready for another request, which may be waiting already."""
        self._reader.next()
        self._route = None
        self._enter(Phase.IDLE)
        if self._plane.closing:
            self._close()
        elif self._backlog.pieces:
            self._go_on()

    def _go_on(self) -> None:
        """Take up what waited, unless that is what is being done."""
        if self._taking or self._phase in (Phase.ANSWER, Phase.LINGER) or self.writing_paused or self.gone:
            return
        if self._backlog.pieces:
            self._take(self._backlog.take())
        if not self.gone:
            self._backlog.read_on()

    def _keep(self, data: bytes) -> None:
        if not self.gone and self._phase != Phase.LINGER:
            self._backlog.add(data)

    def _hand_over(self, data: bytes) -> None:
        self._backlog.read_on()
        self._release()
        self._plane.hand_over(self._transport, data, self.writing_paused)

    # Endings

    def _refuse(self, error: GatewayError) -> None:
        """The last words on this connection: what the caller sends from here on can't be made sense of."""
        if self._reader.dropping:  # it has been told already: this was the rest of a refused request
            self._close()
            return
        self._enter(Phase.LINGER)
        if self._exchange is not None:
            self._exchange.refuse(error)
            return
        render = render_error if self._route is None else self._route.dialect.render_error
        responder = DataPlaneResponder(self, True, {}, self._plane.date)
        responder.refuse(error, self._plane.ids.keep(None), render(error))
        self._linger()

    def _linger(self) -> None:
        """Our FIN follows the answer at once; the caller's bytes are dropped until it hangs up or time is up."""
        if self.gone:
            return
        self._backlog.drop()
        self._backlog.read_on()
        self._start_write_clock()
        self.gone = True
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close_or_linger(self) -> None:
        """A caller that is still sending would lose our answer to a reset."""
        if self._reader.complete:
            self._close()
        else:
            self._enter(Phase.LINGER)
            self._linger()

    def _close(self) -> None:
        """Close once everything written is out."""
        self._enter(Phase.CLOSED)
        self._start_write_clock()
        self.gone = True
        self._transport.close()

    def _caller_left(self) -> None:
        self.gone = True
        self._wake()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.left()

    def _release(self) -> None:
        """Let go of all that refers to us."""
        self.gone = True
        self._reader.close()
        self._backlog.drop()
        self._plane.connections.discard(self)
        self._sweep.forget(self, self._seat)

    # Clocks

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._since = self._sweep.now

    def _wake(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _start_write_clock(self) -> None:
        self._write_clock.start(self._transport.get_write_buffer_size(), self._sweep.now)

    def _is_lost(self, now: float) -> bool:
        """A caller who takes nothing of what is written for it, or who left while we did not read."""
        writing = self.writing_paused or self._phase in (Phase.CLOSED, Phase.LINGER)
        if writing and self._write_clock.has_run_out(self._transport.get_write_buffer_size(), now):
            return True
        return self._backlog.caller_is_gone()
