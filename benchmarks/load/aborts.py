"""A given number of streams whose callers hang up after the first chunk: what a gateway must not keep anything of."""

import asyncio

from benchmarks import payloads
from benchmarks.load.connection import Connection, open_one
from benchmarks.load.scenario import Scenario


class _Caller:
    """Asks on a fresh connection, and is gone at the first chunk."""

    def __init__(self, connection: Connection, over: asyncio.Future[bool]) -> None:
        self._connection = connection
        self._over = over

    def on_data(self, data: bytes) -> None:
        if payloads.STAMP_MARK in data:
            self._settle(began=True)
            self._connection.close()

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:  # noqa: ARG002 (the protocol's words)
        self._settle(began=False)

    def _settle(self, *, began: bool) -> None:
        if not self._over.done():
            self._over.set_result(began)


class Aborts:
    """A few callers at a time; each comes back as another as soon as it has hung up."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._request = scenario.request()
        self._left = scenario.count
        self._aborted = self._errors = 0

    async def run(self) -> dict[str, float]:
        async with asyncio.timeout(self._scenario.limit_s), asyncio.TaskGroup() as group:
            for _ in range(self._scenario.connections):
                group.create_task(self._in_turn())
        return {"aborted": self._aborted, "errors": self._errors}

    async def _in_turn(self) -> None:
        loop = asyncio.get_running_loop()
        while self._left > 0:
            self._left -= 1
            connection = await open_one(loop, self._scenario.port)
            over: asyncio.Future[bool] = loop.create_future()
            connection.send(self._request, _Caller(connection, over))
            if await over:
                self._aborted += 1
            else:
                self._errors += 1
