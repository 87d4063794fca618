"""Heads of HTTP messages: a request's rendered once and kept, a response's looked at only where someone asks."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from backends.errors import ConnectFailed
from backends.transport.origin import Address, Origin, parse_url
from backends.transport.proxy import Proxies, Proxy
from backends.types import UpstreamRequest

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The connection's own business, whatever the adapter says.
_OURS = frozenset({"connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"})
# Their answers have other framing than the parser is told of.
_UNSUPPORTED = frozenset({"HEAD", "CONNECT"})
_MOST_HEADS = 1024


class Head(NamedTuple):
    """A request's head up to the body's length, and the origin it is for."""

    origin: Origin
    start: bytes
    """All but the last field; ends with `content-length: ` where the length has to follow."""
    sized: bool

    def render(self, size: int) -> bytes:
        """The whole head for a body of this size."""
        return b"%b%d\r\n\r\n" % (self.start, size) if self.sized or size else self.start + b"\r\n"

    def with_body(self, body: bytes) -> bytes:
        """Head and body as one write."""
        return b"%b%d\r\n\r\n%b" % (self.start, len(body), body) if self.sized else self.start + b"\r\n" + body

    def __repr__(self) -> str:
        return f"<Head for {self.origin.authority}>"  # the fields hold keys


class Heads:
    """Renders request heads; a target's headers are one object that lives as long as its routing table does.

    They are found by the identity of that object, so it must not change (adapters give a MappingProxyType). Holding it
    keeps its identity from being used again.
    """

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._kept: dict[tuple[str, str, int, bool], tuple[Mapping[str, str], Head]] = {}

    def head(self, request: UpstreamRequest) -> Head:
        """Raises ConnectFailed for what cannot be sent."""
        key = (request.url, request.method, id(request.headers), not request.body)
        kept = self._kept.get(key)
        if kept is not None:
            return kept[1]
        head = self._rendered(request)
        if len(self._kept) >= _MOST_HEADS:
            self._kept.clear()
        self._kept[key] = (request.headers, head)
        return head

    def _rendered(self, request: UpstreamRequest) -> Head:
        address = parse_url(request.url)
        origin = address.origin
        proxy = None if origin.secure else self._proxies.for_origin(origin)
        sized = bool(request.body) or request.method not in ("GET", "DELETE")
        fields = _fields(request, address, proxy)
        lines = [_request_line(request.method, address, proxy), *(f"{name}: {value}" for name, value in fields.items())]
        if sized:
            lines.append("content-length: ")
            return Head(origin, "\r\n".join(lines).encode("latin-1"), sized)
        return Head(origin, ("\r\n".join(lines) + "\r\n").encode("latin-1"), sized)


def _request_line(method: str, address: Address, proxy: Proxy | None) -> str:
    if not _TOKEN.fullmatch(method) or method in _UNSUPPORTED:
        raise ConnectFailed(f"the transport does not send {method[:20]!r}")
    # RFC 9112 3.2.2: a proxy is given the whole URL; https goes through a tunnel and never comes here.
    where = f"http://{address.origin.host_field}{address.path}" if proxy is not None else address.path
    return f"{method} {where} HTTP/1.1"


def _fields(request: UpstreamRequest, address: Address, proxy: Proxy | None) -> dict[str, str]:
    fields = {"host": address.origin.host_field}
    for given, value in request.headers.items():
        name = given.lower()
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConnectFailed(
                f"the header {name[:40]!r} cannot be sent: its name or value holds a forbidden character"
            )
        if name not in _OURS:
            fields[name] = value
    fields.setdefault("accept-encoding", "identity")
    if address.user is not None:
        credentials = b64encode(":".join(address.user).encode()).decode("ascii")
        fields.setdefault("authorization", f"Basic {credentials}")
    if proxy is not None and proxy.authorization:
        fields["proxy-authorization"] = proxy.authorization
    return fields


class AnswerHeaders(Mapping[str, str]):
    """A response's fields, found without regard to case; decoded only when somebody asks."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        try:
            return self._fields[name.lower().encode("latin-1")].decode("latin-1")
        except (KeyError, UnicodeEncodeError):
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"AnswerHeaders({', '.join(self)})"
