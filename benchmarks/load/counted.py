"""A given number of unary requests, as fast as they are answered: what a long run is made of."""

import asyncio

from benchmarks.load.connection import Connection, connect
from benchmarks.load.scenario import Scenario


class Counted:
    """Every connection sends its next request when the last is answered, until all have been."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._request = scenario.request()
        self._to_send = scenario.count
        self._waiting = 0
        self._answered = self._errors = 0
        self._over = asyncio.Event()

    async def run(self) -> dict[str, float]:
        connections = await connect(self._scenario.port, self._scenario.connections)
        for connection in connections:
            self._send(connection)
        async with asyncio.timeout(self._scenario.limit_s):
            await self._over.wait()
        for connection in connections:
            connection.close()
        return {"answered": self._answered, "errors": self._errors, "unsent": self._to_send}

    def on_data(self, data: bytes) -> None:
        """Only the answer's end matters here."""

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:
        self._waiting -= 1
        if status == 200 and whole:
            self._answered += 1
        else:
            self._errors += 1
        if connection.usable:
            self._send(connection)
        if self._waiting == 0:
            self._over.set()

    def _send(self, connection: Connection) -> None:
        if self._to_send:
            self._to_send -= 1
            self._waiting += 1
            connection.send(self._request, self)
