"""Bytes, cut anywhere, into one request after another. No socket, no clock.

llhttp has no way to stop at the end of a message, and what follows it may not be for this parser at all. So it is never
given more than up to a border: a head and a chunked body both end with an empty line, a sized body after its length.
Whether an empty line was the end, the parser says; a body that holds empty lines only costs a few more calls.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from gateway.errors import GatewayError, InvalidRequest
from gateway.http.body import too_large
from gateway.http.dataplane.request_head import LONGEST_HEAD, MOST_HEADERS, RequestHead, head_too_large

_BORDER = b"\r\n\r\n"
_COPIED = 16 << 10
"""Up to this, copying a piece is cheaper than a view of it."""
_FRAMING_ALLOWANCE = 32 << 10
_FRAMING_PER_BYTE = 8
"""A chunk of one byte takes six. More than this is extensions or trailers without end."""


class RequestReader:
    """Kept for a connection's life. `feed` until `head` is there, and on until `complete`; then `next`."""

    __slots__ = (
        "_begun",
        "_fields",
        "_left",
        "_limit",
        "_opened",
        "_parser",
        "_pieces",
        "_raw",
        "_repeated",
        "_repeats",
        "_seen",
        "_tail",
        "_untouched",
        "complete",
        "dropping",
        "head",
        "size",
    )

    def __init__(self, body_limit: int) -> None:
        self._limit = body_limit
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._tail = b""
        self._untouched = False
        self.next()

    def next(self) -> None:
        """Ready for another request."""
        self.head: RequestHead | None = None
        self.complete = False
        if self._untouched:
            self._untouched = False
            return
        self.dropping = False
        """The body is read and not kept."""
        self.size = 0
        """Bytes of the body so far, without their framing."""
        self._fields: dict[bytes, bytes] = {}
        self._repeated: frozenset[bytes] = frozenset()
        self._repeats = 0
        self._begun = 0
        self._opened = False
        self._raw = b""
        self._seen = 0
        self._left = 0
        self._pieces: list[bytes] = []

    def close(self) -> None:
        """Let go of the parser, which holds on to us."""
        self._parser = None

    @property
    def left(self) -> int | None:
        """What a sized body still lacks; None for a chunked one."""
        return None if self.head is not None and self.head.chunked else self._left

    def skip(self, head: RequestHead) -> None:
        """The request is here whole, and need not be read: it has this head."""
        self.head = head
        self.complete = self._untouched = True

    def feed_whole(self, data: bytes) -> bool:
        """Most requests come in one piece with nothing behind them: such a one is read at a single stroke.

        False if this is not one, and nothing has been read. For the first bytes of a request only.
        """
        if len(data) > LONGEST_HEAD or self._parser is None:
            return False
        try:
            self._parser.feed_data(data)
            # Nor one in chunks: it may have trailers, which would stand among the headers.
            if self.complete and self._begun == 1 and b"transfer-encoding" not in self._fields:
                self._open(data)
                return True
        except (HttpParserError, HttpParserUpgrade, GatewayError):
            pass  # read again with care, to find out where it went wrong
        self._parser = HttpRequestParser(self)
        self.next()
        return False

    def feed(self, data: bytes, at: int) -> int:
        """Read from `at` to the next border; returns where that is. Raises InvalidRequest, HeadersTooLarge, TooLarge.

        After an error the connection has no further requests.
        """
        head = self.head
        if head is None:
            return self._feed_head(data, at)
        if head.chunked:
            end = self._border(data, at)
            self._seen += end - at
        else:
            end = min(len(data), at + self._left)
            self._left -= end - at
        self._parse(data[at:end] if end - at <= _COPIED else memoryview(data)[at:end])
        if self._seen - self.size > _FRAMING_ALLOWANCE + _FRAMING_PER_BYTE * self.size:
            raise InvalidRequest("The body's chunks have more framing than content.")
        if self.size > self._limit and not self.dropping:
            raise too_large(self._limit)
        return end

    def body(self) -> bytes:
        """The whole body, once the request is complete."""
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _feed_head(self, data: bytes, at: int) -> int:
        end = self._border(data, at)
        if len(self._raw) + end - at > LONGEST_HEAD:
            raise head_too_large()
        piece = data[at:end]
        self._raw += piece
        self._parse(piece)
        if self._opened:
            head = self._open(self._raw)
            self._raw = b""
            self._left = head.content_length
            if b"upgrade" in head.fields:
                self._stay_with_http(head)
        return end

    def _open(self, raw: bytes) -> RequestHead:
        """The head, from bytes that begin with it."""
        fields, self._fields = self._fields, {}  # trailers go to a place of their own, where nobody looks
        if len(fields) + self._repeats > MOST_HEADERS:
            raise head_too_large()
        head = self.head = RequestHead(raw, fields, self._repeated)
        head.check()
        return head

    def _border(self, data: bytes, at: int) -> int:
        """Behind the next empty line, or the end of what is here. It may have begun in what came before."""
        tail = self._tail
        if tail:
            joined = tail + data[at : at + 3]
            found = joined.find(_BORDER)
            if found >= 0:
                self._tail = b""
                return at + found + 4 - len(tail)
        found = data.find(_BORDER, at)
        if found >= 0:
            self._tail = b""
            return found + 4
        self._tail = (tail + data[max(at, len(data) - 3) :])[-3:]
        return len(data)

    def _parse(self, data: bytes | memoryview) -> None:
        assert self._parser is not None, "no bytes arrive after the connection is lost"
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            return  # of a head that asks for one; `_open` sees to it
        except HttpParserError as error:
            raise InvalidRequest("The request is not valid HTTP/1.1.") from error

    def _stay_with_http(self, head: RequestHead) -> None:
        """`Upgrade: h2c`, say, which nobody has to follow (RFC 9110, section 7.8).

        The parser may have ended the message after its head. A fresh one is told how the body is framed.
        """
        framing = b"transfer-encoding: chunked" if head.chunked else b"content-length: %d" % head.content_length
        self.complete = False
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request."""
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        fields = self._fields
        if name in fields:
            self._repeats += 1
            self._repeated |= {name}
            value = fields[name] + b", " + value
        fields[name] = value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._opened = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.size += len(data)
        if not self.dropping:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.complete = True
