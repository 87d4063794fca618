"""Unary requests as fast as they are answered, on a number of connections: throughput and CPU time per request."""

import asyncio
import time

from benchmarks.load.connection import Connection, connect
from benchmarks.load.scenario import Scenario, cost_each, quantiles_ms


class _Client:
    """One connection that sends its next request when the last is answered."""

    def __init__(self, run: "ClosedLoop") -> None:
        self._run = run
        self._sent_at = 0.0

    def send(self, connection: Connection) -> None:
        self._sent_at = time.perf_counter()
        connection.send(self._run.request, self)

    def on_data(self, data: bytes) -> None:
        """Only the answer's end matters here."""

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:
        run = self._run
        if status == 200 and whole:
            run.answered += 1
            if run.measuring:
                run.latencies_s.append(time.perf_counter() - self._sent_at)
        elif not run.stopped:
            run.errors += 1
        if not run.stopped and connection.usable:
            self.send(connection)


class ClosedLoop:
    """Counts between two looks at the clock and at the peer's CPU time; warm-up is left out."""

    def __init__(self, scenario: Scenario) -> None:
        self.request = scenario.request()
        self.answered = 0
        self.errors = 0
        self.measuring = False
        self.stopped = False
        self.latencies_s: list[float] = []
        self._scenario = scenario

    async def run(self) -> dict[str, float]:
        scenario = self._scenario
        connections = await connect(scenario.port, scenario.connections)
        for connection in connections:
            _Client(self).send(connection)
        await asyncio.sleep(scenario.warmup_s)
        self.measuring = True
        answered, cpu_s, began = self.answered, scenario.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(scenario.window_s)
        requests, cpu_s = self.answered - answered, scenario.cpu_seconds() - cpu_s
        elapsed_s = time.perf_counter() - began
        self.stopped = True
        for connection in connections:
            connection.close()
        return {
            "connections": scenario.connections,
            "requests": requests,
            "requests_per_s": requests / elapsed_s,
            **cost_each("cpu_us_per_request", cpu_s, requests),
            "cpu_share": cpu_s / elapsed_s,
            **quantiles_ms("latency", self.latencies_s),
            "errors": self.errors,
        }
