"""Unary requests at a fixed rate, whether earlier ones are answered or not: the latency of an idle gateway."""

import asyncio
import time

from benchmarks.load.connection import Connection, connect
from benchmarks.load.scenario import Scenario, quantiles_ms

_WARMUP_REQUESTS = 20


class _Call:
    """One request on a connection of its own for as long as it lasts."""

    def __init__(self, run: "FixedRate") -> None:
        self._run = run
        self._sent_at = time.perf_counter()

    def on_data(self, data: bytes) -> None:
        """Only the answer's end matters here."""

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:
        if status == 200 and whole:
            self._run.latencies_s.append(time.perf_counter() - self._sent_at)
        else:
            self._run.errors += 1
        self._run.answered_one()
        if connection.usable:
            self._run.idle.append(connection)


class FixedRate:
    """Starts requests by the clock. A connection is free again when its answer came; a shortage counts as an error."""

    def __init__(self, scenario: Scenario) -> None:
        self.idle: list[Connection] = []
        self.latencies_s: list[float] = []
        self.errors = 0
        self._waiting = 0
        self._all_answered = asyncio.Event()
        self._scenario = scenario
        self._request = scenario.request()

    async def run(self) -> dict[str, float]:
        scenario = self._scenario
        self.idle = await connect(scenario.port, scenario.connections)
        connections = list(self.idle)
        await self._send_at_rate(_WARMUP_REQUESTS)
        self.latencies_s.clear()
        self.errors = 0
        total = int(scenario.rate_per_s * scenario.window_s)
        await self._send_at_rate(total)
        for connection in connections:
            connection.close()
        return {
            "requests": total,
            "rate_per_s": scenario.rate_per_s,
            **quantiles_ms("latency", self.latencies_s),
            "errors": self.errors,
        }

    async def _send_at_rate(self, total: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for sent in range(total):
            await asyncio.sleep(began + sent / self._scenario.rate_per_s - loop.time())
            self._start_one()
        await self._until_answered()

    async def _until_answered(self) -> None:
        try:
            async with asyncio.timeout(self._scenario.limit_s):
                await self._all_answered.wait()
        except TimeoutError:
            self.errors += self._waiting
            self._waiting = 0

    def answered_one(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self._all_answered.set()

    def _start_one(self) -> None:
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                self._waiting += 1
                self._all_answered.clear()
                connection.send(self._request, _Call(self))
                return
        self.errors += 1
