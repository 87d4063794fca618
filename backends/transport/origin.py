"""Where a connection leads: scheme, host and port; and what of a URL goes into the request line."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from backends.errors import ConnectFailed

_DEFAULT_PORTS = {"http": 80, "https": 443}
# urlsplit drops tabs and line ends in silence, so they are refused before it sees them.
_VISIBLE = re.compile(r"[\x21-\x7e\x80-\U0010ffff]+")


class Origin(NamedTuple):
    """One server, as RFC 6454 names it. Connections are pooled by it."""

    scheme: str
    host: str
    """A name in its ASCII form, or an address without brackets."""
    port: int

    @property
    def secure(self) -> bool:
        """Spoken to over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """host:port for CONNECT and for humans; an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_field(self) -> str:
        """The `host` header's value: without the scheme's own port."""
        whole = self.authority
        return whole.rpartition(":")[0] if self.port == _DEFAULT_PORTS[self.scheme] else whole


class Address(NamedTuple):
    """A URL taken apart."""

    origin: Origin
    path: str
    """Path and query in ASCII, as the request line has them."""
    user: tuple[str, str] | None
    """Name and password, if the URL holds them."""


def parse_url(url: str) -> Address:
    """Raises ConnectFailed, which does not repeat the URL: it may hold a password."""
    if not _VISIBLE.fullmatch(url):
        raise ConnectFailed("the upstream's URL holds a space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii_host(parts.hostname or "")
    except ValueError:
        raise ConnectFailed("the upstream's URL has no valid host and port") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ConnectFailed("an upstream's URL begins with http:// or https:// and a host")
    origin = Origin(parts.scheme, host, _DEFAULT_PORTS[parts.scheme] if port is None else port)
    return Address(origin, _path(parts), _user(parts))


def _ascii_host(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _path(parts: SplitResult) -> str:
    whole = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if whole.isascii():
        return whole
    return "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in whole)


def _user(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
