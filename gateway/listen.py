"""Listening sockets: one SO_REUSEPORT socket per worker slot, and a clear word when the port is taken."""

import socket
from typing import Any

BACKLOG = 1024


class PortTakenError(Exception):
    """Somebody else listens there; the message is one line for the operator."""


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` sockets on one address. Raises PortTakenError."""
    family, kind, proto, _, address = _resolve(host, port)
    _probe(family, kind, proto, address)
    listeners = []
    for _ in range(count):
        listener = _socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        listeners.append(listener)
    return listeners


def _resolve(host: str, port: int) -> tuple[int, int, int, str, Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise PortTakenError(f"HEADRACE_HOST {host!r} can't be resolved: {error.strerror}") from error


def _probe(family: int, kind: int, proto: int, address: Any) -> None:
    """Bind without SO_REUSEPORT first: with it, a second gateway would share the port without a word."""
    with _socket(family, kind, proto) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            raise PortTakenError(f"can't listen on {address[0]}:{address[1]}: {error.strerror}") from error


def _socket(family: int, kind: int, proto: int) -> socket.socket:
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made
