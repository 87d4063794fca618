"""Idle connections, by origin, until they are taken again or grow old."""

import asyncio

from backends.transport.connection import Connection
from backends.transport.origin import Origin


class Pool:
    """Takes the warmest, lets the coldest go: bounded per origin, altogether, and in age.

    Ages are bounded below what usual servers allow (uvicorn: 5 s), so that none is used while it is being closed; a
    server that names its own time is believed, less a second for the way.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        idle_s: float,
        most_per_origin: int,
        most: int,
    ) -> None:
        self._loop = loop
        self._idle_s = idle_s
        self._most_per_origin = most_per_origin
        self._most = most
        self._size = 0
        # Dicts as ordered sets, coldest first.
        self._shelves: dict[Origin, dict[Connection, None]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._size

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection that can be written to, or None."""
        shelf = self._shelves.get(origin)
        if not shelf:
            return None
        now = self._loop.time()
        while shelf:
            connection, _ = shelf.popitem()
            self._size -= 1
            # The loop's time stands still during a turn. What came back in this one was read from in this one: a look
            # at the socket, which costs a system call, would hardly show more than that did.
            fresh = connection.idle_since == now and connection.proven
            if now < connection.idle_until and (fresh or not connection.is_stale()):
                return connection
            connection.abort()
        return None

    def give_back(self, connection: Connection) -> None:
        """After an exchange: keep it if it can be used again and there is room, else close it."""
        if not connection.reusable:
            connection.close()
            return
        now = connection.idle_since = self._loop.time()
        connection.idle_until = now + self._age_s(connection.promised_idle_s)
        shelf = self._shelves.get(connection.origin)
        if shelf is None:
            shelf = self._shelves[connection.origin] = {}
        shelf[connection] = None
        self._size += 1
        if len(shelf) > self._most_per_origin:
            self._drop(next(iter(shelf)))
        elif self._size > self._most:
            self._drop(self._coldest())
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._idle_s, self._let_go_of_the_old)

    def remove(self, connection: Connection) -> None:
        """It is in use, or gone."""
        shelf = self._shelves.get(connection.origin)
        if shelf is not None and connection in shelf:
            del shelf[connection]
            self._size -= 1

    def close(self) -> None:
        """Forget all, and stop looking after them."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._shelves.clear()
        self._size = 0

    def _drop(self, connection: Connection) -> None:
        self.remove(connection)
        connection.close()

    def _coldest(self) -> Connection:
        return min((next(iter(shelf)) for shelf in self._shelves.values() if shelf), key=lambda line: line.idle_since)

    def _age_s(self, promised: float | None) -> float:
        return self._idle_s if promised is None else min(self._idle_s, promised - 1.0)

    def _let_go_of_the_old(self) -> None:
        """Once a second while there is anything idle, so none is kept more than a second past its age."""
        self._sweep = None
        now = self._loop.time()
        for shelf in list(self._shelves.values()):
            for connection in list(shelf):
                if now >= connection.idle_until:
                    self._drop(connection)
        for origin in [origin for origin, shelf in self._shelves.items() if not shelf]:
            del self._shelves[origin]
        if self._size:
            self._sweep = self._loop.call_later(min(self._idle_s, 1.0), self._let_go_of_the_old)
