"""Proxies that the environment names, read once: which origin goes through which, and the tunnel to it."""

import asyncio
import socket
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass_environment  # type: ignore[attr-defined]

from backends.errors import ConnectFailed
from backends.transport.origin import Origin

_LONGEST_ANSWER = 16 << 10


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to in plain HTTP."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    """The value of `proxy-authorization`."""


class Proxies:
    """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY as they stood at the start.

    NO_PROXY means what urllib makes of it (names and their subdomains, `host:port`, `*`) and, as in Go and in most
    Kubernetes clusters, networks such as 10.0.0.0/8 for hosts that are addresses.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._found = dict(getproxies() if environment is None else environment)

    def for_origin(self, origin: Origin) -> Proxy | None:
        """The proxy to this origin, None for the direct way. Raises ConnectFailed for one that we do not speak to."""
        url = self._found.get(origin.scheme) or self._found.get("all")
        if not url or self._bypassed(origin):
            return None
        return _parse(url)

    def _bypassed(self, origin: Origin) -> bool:
        if any(proxy_bypass_environment(host, self._found) for host in (origin.host, f"{origin.host}:{origin.port}")):
            return True
        return _in_networks(origin.host, self._found.get("no", ""))


def _in_networks(host: str, names: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for name in names.split(","):
        try:
            network = ip_network(name.strip(), strict=False)
        except ValueError:
            continue
        if address in network:
            return True
    return False


def _parse(url: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConnectFailed("the proxy in the environment has no valid host and port") from None
    if parts.scheme != "http" or not host:
        raise ConnectFailed(f"a proxy is given as http://host:port, not as {parts.scheme[:12]}://")
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(credentials.encode()).decode("ascii")
    return Proxy(host, 80 if port is None else port, authorization)


async def open_tunnel(loop: asyncio.AbstractEventLoop, connected: socket.socket, proxy: Proxy, origin: Origin) -> None:
    """Ask for a way through to the origin. Raises ConnectFailed; the caller closes the socket."""
    ask = f"CONNECT {origin.authority} HTTP/1.1\r\nhost: {origin.authority}\r\n"
    if proxy.authorization:
        ask += f"proxy-authorization: {proxy.authorization}\r\n"
    await loop.sock_sendall(connected, f"{ask}\r\n".encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await loop.sock_recv(connected, 4096)
        answer += data
        if not data or len(answer) > _LONGEST_ANSWER:
            raise ConnectFailed("the proxy broke off its answer" if not data else "the proxy's answer has no end")
    status = answer.split(b" ", 2)[1:2]
    if not answer.startswith(b"HTTP/1.") or not status or not status[0][:3].isdigit():
        raise ConnectFailed("the proxy's answer is not HTTP/1.1")
    if status[0][:1] != b"2":
        raise ConnectFailed(f"the proxy refused the way to the upstream with status {status[0][:3].decode('ascii')}")
    if not answer.endswith(b"\r\n\r\n") or answer.count(b"\r\n\r\n") != 1:
        # Behind the tunnel's head the server speaks only after us: these bytes are nobody's.
        raise ConnectFailed("the proxy sent more than its answer")
