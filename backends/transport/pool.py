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
        # Dicts as ordered sets: coldest first. Every idle connection is in both.
        self._idle: dict[Connection, None] = {}
        self._by_origin: dict[Origin, dict[Connection, None]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection that can be written to, or None."""
        shelf = self._by_origin.get(origin)
        while shelf:
            connection = next(reversed(shelf))
            self.remove(connection)
            if self._loop.time() < connection.idle_since + self._age_s(connection) and not connection.is_stale():
                return connection
            connection.abort()
        return None

    def give_back(self, connection: Connection) -> None:
        """After an exchange: keep it if it can be used again and there is room, else close it."""
        if not connection.reusable:
            connection.close()
            return
        connection.idle_since = self._loop.time()
        shelf = self._by_origin.setdefault(connection.origin, {})
        shelf[connection] = self._idle[connection] = None
        if len(shelf) > self._most_per_origin:
            self._drop(next(iter(shelf)))
        elif len(self._idle) > self._most:
            self._drop(next(iter(self._idle)))
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._idle_s, self._let_go_of_the_old)

    def remove(self, connection: Connection) -> None:
        """It is in use, or gone."""
        if connection in self._idle:
            del self._idle[connection]
            shelf = self._by_origin[connection.origin]
            del shelf[connection]
            if not shelf:
                del self._by_origin[connection.origin]

    def close(self) -> None:
        """Forget all, and stop looking after them."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        self._by_origin.clear()

    def _drop(self, connection: Connection) -> None:
        self.remove(connection)
        connection.close()

    def _age_s(self, connection: Connection) -> float:
        promised = connection.promised_idle_s
        return self._idle_s if promised is None else min(self._idle_s, promised - 1.0)

    def _let_go_of_the_old(self) -> None:
        """Once a second while there is anything idle, so none is kept more than a second past its age."""
        self._sweep = None
        now = self._loop.time()
        for connection in list(self._idle):
            if now >= connection.idle_since + self._age_s(connection):
                self._drop(connection)
        if self._idle:
            self._sweep = self._loop.call_later(min(self._idle_s, 1.0), self._let_go_of_the_old)
