"""Names to addresses, remembered for a while; many askers of one name wait for one answer."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

Found = tuple[int, int, int, str, tuple[Any, ...]]
"""As getaddrinfo gives it: family, type, protocol, canonical name, socket address."""
Ask = Callable[[str, int], Awaitable[Sequence[Found]]]


async def ask_system(host: str, port: int) -> Sequence[Found]:
    """The system's resolver (in a thread), which also orders what it finds by RFC 6724."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)


class Resolver:
    """Keeps answers for `ttl_s`: the system's resolver does not say for how long they hold.

    When a name no longer resolves, the old answer is used: a name server's outage is not the upstream's.
    """

    def __init__(self, ask: Ask = ask_system, *, ttl_s: float = 30.0) -> None:
        self._ask = ask
        self._ttl_s = ttl_s
        self._kept: dict[tuple[str, int], tuple[float, Sequence[Found]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[Found]]] = {}

    async def lookup(self, host: str, port: int) -> Sequence[Found]:
        """Raises OSError (socket.gaierror) for a name without addresses."""
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        key = (host, port)
        kept = self._kept.get(key)
        if kept is not None and asyncio.get_running_loop().time() < kept[0]:
            return kept[1]
        try:
            # Shielded: who gives up must not take the answer from those who wait on.
            return await asyncio.shield(self._question(key))
        except OSError:
            if kept is None:
                raise
            return kept[1]

    def expire(self, host: str, port: int) -> None:
        """None of its addresses could be reached: ask again next time."""
        kept = self._kept.get((host, port))
        if kept is not None:
            self._kept[host, port] = (0.0, kept[1])

    def close(self) -> None:
        """Wait for no answer any more."""
        for task in self._asking.values():
            task.cancel()

    def _question(self, key: tuple[str, int]) -> asyncio.Task[Sequence[Found]]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._answer(key))
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    async def _answer(self, key: tuple[str, int]) -> Sequence[Found]:
        found = await self._ask(*key)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        self._kept[key] = (asyncio.get_running_loop().time() + self._ttl_s, found)
        return found

    def _answered(self, key: tuple[str, int], done: "asyncio.Task[Sequence[Found]]") -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits any more


def _literal(host: str, port: int) -> Found | None:
    """An address needs no resolver, and no thread. One with a zone (fe80::1%eth0) does."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if "%" in host:
        return None
    if address.version == 6:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
