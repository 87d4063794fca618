"""Streams: as fast as possible (chunks that share a read), and many open at a slow pace (each chunk a wake-up)."""

import asyncio
import contextlib
import time

from benchmarks import payloads
from benchmarks.load.connection import Connection, connect
from benchmarks.load.scenario import Scenario, cost_each, quantiles_ms

_DONE = b"[DONE]"


class _Stream:
    """One stream: counts chunks, samples how long the first of each read was under way."""

    def __init__(self, run: "Streams") -> None:
        self._run = run
        self.chunks = 0
        self._tail = b""
        self._done = False

    def on_data(self, data: bytes) -> None:
        run = self._run
        count = data.count(payloads.STAMP_MARK)
        if self.chunks == 0 and count:
            run.began_one()
        self.chunks += count
        run.chunks += count
        if run.measuring and count:
            transit_ns = payloads.transit_ns(data)
            if transit_ns is not None:
                run.transits_s.append(transit_ns / 1e9)
        if not self._done:
            self._done = _DONE in self._tail + data[:8] or _DONE in data
            self._tail = data[-5:]

    def on_end(self, connection: Connection, status: int, *, whole: bool) -> None:  # noqa: ARG002 (the protocol's words)
        whole_stream = status == 200 and self._done and self.chunks == self._run.scenario.chunks
        self._run.ended_one(whole=whole_stream)


class Streams:
    """What both kinds share: opening, counting, and the end."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.measuring = False
        self.open = self.finished = self.errors = self.chunks = 0
        self.transits_s: list[float] = []
        self._connections: list[Connection] = []
        self._streams: list[_Stream] = []
        self._begun = 0
        self._all_begun = asyncio.Event()
        self._all_ended = asyncio.Event()

    def began_one(self) -> None:
        self._begun += 1
        if self._begun == self.scenario.connections:
            self._all_begun.set()

    def ended_one(self, *, whole: bool) -> None:
        self.open -= 1
        self.finished += whole
        self.errors += not whole
        if self.finished + self.errors == self.scenario.connections:
            self._all_begun.set()  # streams that failed before their first chunk are not waited for
            self._all_ended.set()

    async def _open(self) -> None:
        """Connect first, then ask, spread over the ramp, so that opening is not part of what is measured."""
        scenario = self.scenario
        self._connections = await connect(scenario.port, scenario.connections)
        request, loop = scenario.request(), asyncio.get_running_loop()
        began = loop.time()
        for index, connection in enumerate(self._connections):
            pause_s = began + index * scenario.ramp_s / scenario.connections - loop.time()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            self.open += 1
            self._streams.append(_Stream(self))
            connection.send(request, self._streams[-1])

    async def _until(self, event: asyncio.Event) -> None:
        """Wait, but no longer than the scenario's limit; what is missing then is counted by who asks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.scenario.limit_s):
                await event.wait()

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _figures(self, chunks: int, elapsed_s: float, cpu_s: float) -> dict[str, float]:
        return {
            "streams": self.scenario.connections,
            "chunks": chunks,
            "chunks_per_s": chunks / elapsed_s,
            **cost_each("cpu_us_per_chunk", cpu_s, chunks),
            "cpu_share": cpu_s / elapsed_s,
            **quantiles_ms("late", self.transits_s),
        }


class Burst(Streams):
    """Each stream comes as fast as it can; all of it is measured, opening included."""

    async def run(self) -> dict[str, float]:
        scenario = self.scenario
        self.measuring = True
        cpu_s, began = scenario.cpu_seconds(), time.perf_counter()
        await self._open()
        await self._until(self._all_ended)
        cpu_s, elapsed_s = scenario.cpu_seconds() - cpu_s, time.perf_counter() - began
        figures = self._figures(self.chunks, elapsed_s, cpu_s)
        unfinished, errors = self.open, self.errors
        self._close()
        return figures | {"errors": errors, "unfinished": unfinished, "finished": self.finished}


class Paced(Streams):
    """All streams are open during the whole window; memory is read at its end, while they still are."""

    async def run(self) -> dict[str, float]:
        scenario = self.scenario
        pss_before = scenario.pss_bytes()
        await self._open()
        await self._until(self._all_begun)
        self.measuring = True
        chunks, cpu_s, began = self.chunks, scenario.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(scenario.window_s)
        chunks, cpu_s = self.chunks - chunks, scenario.cpu_seconds() - cpu_s
        figures = self._figures(chunks, time.perf_counter() - began, cpu_s)
        self.measuring = False
        open_then = self.open
        pss_grown = scenario.pss_bytes() - pss_before
        await self._until(self._all_ended)
        unfinished, errors = self.open, self.errors
        self._close()
        return figures | {
            "open_at_window_end": open_then,
            # By all that were opened, not by those still open: what a stream leaves behind is seldom given back.
            "pss_bytes_per_stream": pss_grown / scenario.connections,
            "errors": errors,
            "unfinished": unfinished,
            "finished": self.finished,
            # Stream by stream: what one lost and what another got twice must not even out.
            "chunks_lost": sum(max(0, scenario.chunks - stream.chunks) for stream in self._streams),
            "chunks_extra": sum(max(0, stream.chunks - scenario.chunks) for stream in self._streams),
        }
