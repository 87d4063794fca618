"""Reads one answer after the other off a connection's bytes and pushes it into a sink; no sockets.

An answer is whole by its framing (RFC 9112 6.3): its length, its last chunk, or the end of the connection where it has
neither. llhttp, the parser behind httptools, refuses what is ambiguous (several lengths, a length beside chunks, bare
line ends); what it lets through and we do not is refused here. It is kept from answer to answer, since a new one costs
a microsecond; an answer that came in one read, with a head like the last one's, does without it (known_head.py).
"""

from collections.abc import Callable
from typing import NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from backends.backend import Sink
from backends.errors import BadAnswer, ConnectionLost
from backends.transport.coding import Inflater, inflater
from backends.transport.head import AnswerHeaders
from backends.transport.known_head import KnownHead, is_worth_remembering

# Bytes that are no body: heads, and the chunk extensions and trailers that the parser would gather without end.
LONGEST_HEAD = 64 << 10
MOST_FIELDS = 256
_OK = b"HTTP/1.1 200 "


class AnswerReader:
    """Fed with what each read of the socket brought; all of the body in it goes to the sink in one call."""

    __slots__ = (
        "_by_eof",
        "_deliver",
        "_fields",
        "_head",
        "_in_vain",
        "_inflater",
        "_known",
        "_known_fields",
        "_overhead",
        "_parser",
        "_pieces",
        "_raised",
        "_sink",
        "_whole",
        "begun",
        "head_done",
        "idle_s",
        "keep_open",
        "on_body",
    )

    def __init__(self) -> None:
        self.keep_open = True
        """The connection may carry another exchange after this answer."""
        self.idle_s: float | None = None
        """How long the server said it keeps an idle connection (`keep-alive: timeout=`)."""
        self._known: KnownHead | None = None
        self._fields: dict[bytes, bytes] = {}
        self._known_fields = self._fields
        self._in_vain = 0
        self._pieces: list[bytes] = []
        self.on_body: Callable[[bytes], None] = self._pieces.append
        """A piece of the body. The parser calls it, straight into C: a stream has little else to do."""
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._raised: BaseException | None = None
        self._head: list[tuple[bytes, bytes]] = []
        self._overhead = 0
        self.begun = self.head_done = self._whole = self._by_eof = False
        self.release()

    def begin(self, sink: Sink) -> None:
        """The next answer goes to this sink."""
        self._sink: Sink | None = sink
        self._overhead = 0
        self.begun = self.head_done = self._whole = self._by_eof = False

    def release(self) -> None:
        """Hold on to nothing of the last answer."""
        self._sink = None
        self._deliver: Callable[[bytes], None] = _discard
        self._inflater: Inflater | None = None

    def close(self) -> None:
        """No more will come. Reader and parser hold each other, and would wait for the garbage collector."""
        self._parser = None

    def feed(self, data: bytes) -> bool:
        """Take what a read brought; True: the answer is whole. Raises BadAnswer, and what the sink raises."""
        parser = self._parser
        if parser is None:
            raise ConnectionLost("the connection is closed")
        first = not self.begun
        if first:
            if self._known is not None and (size := self._known.size_of(data)) >= 0:
                return self._feed_known(data, size)
            self.begun = True
        self._overhead += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stopped(error)
        if pieces := self._pieces:
            self._overhead = 0
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._deliver(piece)
            if first and self._whole and self._inflater is None and data.startswith(_OK):
                self._remember(data)
        elif self._overhead > LONGEST_HEAD and not self._whole:
            raise BadAnswer(f"more than {LONGEST_HEAD} bytes of head, trailer or chunk extensions")
        if self._whole and self._inflater is not None:
            self._inflater.finish()
        return self._whole

    def end(self, *, clean: bool) -> None:
        """The connection has ended, cleanly or cut. Returns if that makes the answer whole, else ConnectionLost."""
        self.keep_open = False
        if not (self.head_done and self._by_eof and clean):
            raise ConnectionLost(f"the upstream hung up {self.where()}")
        if self._inflater is not None:
            self._inflater.finish()

    def where(self) -> str:
        """How far the answer had come, in words that follow `it broke off`."""
        if self.head_done:
            return "before the end of its answer"
        return "in the head of its answer" if self.begun else "before its answer"

    def _stopped(self, error: Exception) -> None:
        """The parser reads on no more: because of bad bytes, or because a callback raised."""
        self.keep_open = False
        raised, self._raised = self._raised, None
        if self._whole:
            return  # bytes behind the answer: they are dropped with the connection
        if raised is not None:
            raise raised
        self._hand_on()
        raise BadAnswer(f"the answer is not HTTP/1.1: {error}") from error

    def _feed_known(self, data: bytes, size: int) -> bool:
        sink = self._sink
        assert sink is not None, "nothing is fed that was not asked for"
        self._in_vain = 0
        self.begun = self.head_done = self._whole = True
        sink.on_head(200, AnswerHeaders({**self._known_fields, b"content-length": b"%d" % size}))
        if size:
            sink.on_data(data[-size:])
        return True

    def _remember(self, data: bytes) -> None:
        """This answer came in one read, as the next one may."""
        if is_worth_remembering(self._in_vain):
            self._known, self._known_fields = KnownHead.of(data), self._fields
        self._in_vain += 1

    def _hand_on(self) -> None:
        pieces = self._pieces
        if pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._deliver(data)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A head begins: of the answer, of an interim one before it, or of one that nobody asked for."""
        if self._whole:
            self._refuse("an answer that nobody asked for")
        self._head.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of a head. Those of a trailer come here too, and are ignored."""
        if not self.head_done:
            self._head.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole; an interim one (1xx) says nothing that we wait for."""
        parser, sink = self._parser, self._sink
        if parser is None or sink is None:
            return
        status = parser.get_status_code()
        if status < 200:
            if status < 100 or status == 101:  # we never ask for another protocol
                self._refuse(f"the answer's status is {status}")
            return
        fields = self._fields = self._taken_head()
        self._check_framing(parser.get_http_version(), fields)
        self._by_eof = (
            b"content-length" not in fields and b"transfer-encoding" not in fields and status not in (204, 304)
        )
        try:
            coding = fields.get(b"content-encoding")
            self._deliver = sink.on_data if coding is None else self._decoded(coding, status, sink)
            self.head_done = True
            sink.on_head(status, AnswerHeaders(fields))
        except BaseException as error:
            self._raised = error
            raise

    def on_message_complete(self) -> None:
        """The answer is whole (or was an interim one). Only here does the parser know whether the connection stays."""
        if self.head_done and self._parser is not None:
            self._whole = True
            self.keep_open = self.keep_open and self._parser.should_keep_alive()

    def _refuse(self, reason: str) -> NoReturn:
        self._raised = BadAnswer(reason)
        raise self._raised

    def _taken_head(self) -> dict[bytes, bytes]:
        """The fields since the last interim answer; several of one name become a list, as RFC 9110 5.3 has it."""
        head = self._head
        too_long = self._overhead > LONGEST_HEAD and sum(len(name) + len(value) for name, value in head) > LONGEST_HEAD
        if too_long or len(head) > MOST_FIELDS:
            self._refuse(f"a head of more than {MOST_FIELDS} fields or {LONGEST_HEAD} bytes")
        fields = {name.lower(): value for name, value in head}
        if len(fields) < len(head):
            fields = {}
            for name, value in head:
                key = name.lower()
                fields[key] = b"%b, %b" % (fields[key], value) if key in fields else value
        self._head = []
        return fields

    def _check_framing(self, version: str, fields: dict[bytes, bytes]) -> None:
        """What llhttp lets through: other versions, and transfer codings besides chunked, which nobody uses."""
        if version != "1.1":
            if version != "1.0":
                self._refuse(f"the answer's version is HTTP/{version}")
            self.keep_open = False
        transfer = fields.get(b"transfer-encoding")
        if transfer is not None and (transfer.strip().lower() != b"chunked" or version == "1.0"):
            self._refuse("the answer's transfer-encoding is not plain chunked over HTTP/1.1")
        if b"keep-alive" in fields:
            self.idle_s = _promised_idle_s(fields[b"keep-alive"])

    def _decoded(self, coding: bytes, status: int, sink: Sink) -> Callable[[bytes], None]:
        try:
            unpack = self._inflater = inflater(coding)
        except BadAnswer:
            if status < 400:
                raise
            return _discard  # an error's status says most of it
        if unpack is None:
            return sink.on_data

        def deliver(data: bytes) -> None:
            for piece in unpack.feed(data):
                sink.on_data(piece)

        return deliver


def _discard(_data: bytes) -> None:
    """For bodies that nobody can read."""


def _promised_idle_s(field: bytes) -> float | None:
    """`timeout=5, max=100` → 5.0"""
    for parameter in field.split(b","):
        name, _, value = parameter.strip().partition(b"=")
        if name.strip().lower() == b"timeout" and value.strip().isdigit():
            return float(value)
    return None
