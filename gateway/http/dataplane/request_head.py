"""A request's head as a value, and what is wrong with one that the parser let through.

httptools (llhttp) refuses most of what RFC 9112 tells a server to refuse; what it accepts and we do not is listed here.
"""

from collections.abc import Iterator, Mapping

from gateway.auth.keys import presented_key
from gateway.errors import GatewayError, InvalidRequest
from gateway.http.protocol import HeadersTooLarge

LONGEST_HEAD = 32 << 10
"""Request line and headers, in bytes."""
MOST_HEADERS = 128
_WHITESPACE = b" \t"
_SINGLE = frozenset(
    (
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"host",
        b"max-forwards",
        b"server",
        b"user-agent",
    )
)
"""What can't be a list (RFC 9110, section 5.5); aiohttp refuses the same. Lengths and codings are seen to elsewhere."""

_KEYS = frozenset((b"authorization", b"x-api-key"))


class Headers(Mapping[str, str]):
    """Looked up without regard to case; a value is decoded when it is asked for. Repeated headers stand joined."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.fields = fields
        """By lower-cased name: what the hot path looks at."""

    def __getitem__(self, name: str) -> str:
        return _text(self.fields[name.lower().encode("ascii", "replace")])

    def __iter__(self) -> Iterator[str]:
        return (name.decode("ascii") for name in self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self)}>"  # never the values: one of them is a key


class RequestHead:
    """What precedes a body. `raw` begins with it, `fields` are its own, as the parser reported them.

    Names are in lower case, the values of a repeated header are one list (RFC 9110, section 5.3).
    """

    __slots__ = (
        "chunked",
        "content_length",
        "fields",
        "headers",
        "keep_alive",
        "key_hash",
        "modern",
        "origin",
        "repeated",
        "request_id",
        "version",
    )

    def __init__(self, raw: bytes, fields: dict[bytes, bytes], repeated: frozenset[bytes] = frozenset()) -> None:
        self.fields = fields
        self.headers = Headers(fields)
        self.repeated = repeated
        """Names that came more than once."""
        line_end = raw.find(b"\r")
        self.version = raw[line_end - 8 : line_end]
        self.modern = self.version == b"HTTP/1.1"
        self.chunked = b"transfer-encoding" in fields
        self.content_length = int(fields.get(b"content-length") or 0)
        """0 where it is absent, as for a chunked body."""
        options = fields.get(b"connection")
        self.keep_alive = self.modern if options is None else self._keeps(options)
        """The caller means to go on using the connection."""
        self.request_id = self.get(b"x-request-id")
        self.origin = self.get(b"origin")
        self.key_hash = ""
        """The hash of its key, once it has been made."""

    def __repr__(self) -> str:
        return f"<RequestHead {self.version.decode('ascii', 'replace')} {len(self.fields)} headers>"

    def with_length(self, size: int) -> "RequestHead":
        """The same head before a sized body of another length."""
        head = RequestHead.__new__(RequestHead)
        for name in self.__slots__:
            setattr(head, name, getattr(self, name))
        head.fields = {**self.fields, b"content-length": b"%d" % size}
        head.headers = Headers(head.fields)
        head.content_length = size
        return head

    @property
    def expects_continue(self) -> bool:
        """The caller waits for our word before it sends the body (never in HTTP/1.0: RFC 9110, section 10.1.1)."""
        expected = self.fields.get(b"expect")
        return expected is not None and expected.strip().lower() == b"100-continue" and self.version == b"HTTP/1.1"

    def check(self) -> None:
        """Raises the error that ends this connection: after it, nobody can tell where the next request begins."""
        if self.version != b"HTTP/1.1" and self.version != b"HTTP/1.0":
            raise InvalidRequest("This gateway speaks HTTP/1.1 (and 1.0).")
        if self.repeated & _SINGLE:
            raise InvalidRequest("The request repeats a header that can stand only once.")
        if b"host" not in self.fields and self.version == b"HTTP/1.1":
            raise InvalidRequest("The request needs exactly one 'Host' header (RFC 9112, section 3.2).")
        if self.chunked and (
            self.fields[b"transfer-encoding"].strip().lower() != b"chunked" or self.version == b"HTTP/1.0"
        ):
            raise InvalidRequest("The only 'Transfer-Encoding' that this gateway takes is 'chunked', in HTTP/1.1.")

    def key(self) -> str | None:
        """The key that the request carries. Two of them in one kind of header are refused (RFC 6750, section 3.1)."""
        for name in self.repeated & _KEYS:
            raise InvalidRequest(f"The request has more than one '{name.decode()}' header.", param=name.decode())
        return presented_key(self.get(b"authorization"), self.get(b"x-api-key"))

    def get(self, name: bytes) -> str | None:
        """A header's value, by its name in lower case."""
        value = self.fields.get(name)
        return None if value is None else _text(value)

    def _keeps(self, options: bytes) -> bool:
        named = {option.strip(_WHITESPACE) for option in options.lower().split(b",")}
        return b"close" not in named and (self.version == b"HTTP/1.1" or b"keep-alive" in named)


def _text(value: bytes) -> str:
    # llhttp leaves the white space behind a value; few values are ever looked at.
    return value.strip(_WHITESPACE).decode("utf-8", "surrogateescape")


def head_too_large() -> GatewayError:
    """The 431, with the limits in it."""
    return HeadersTooLarge(f"Request line and headers are over {LONGEST_HEAD} bytes, or over {MOST_HEADERS} headers.")
