"""What one request costs the gateway's own code, step by step, without a socket: `python -m benchmarks.steps`.

The upstream and the caller's connection are stand-ins that do nothing; journal, routing, metering and metrics are the
real ones. Each row is the best of many short rounds of CPU time. Alone, a step runs in warm caches; within a request it
costs about twice that, so look to the last rows for what counts. `make bench` measures the whole gateway.
"""

import asyncio
import gc
import io
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import orjson
import uvloop

from backends.backend import Flow, Sink
from backends.providers.openai import OpenAIAdapter, OpenAIStreamRelay
from backends.types import UpstreamRequest, Usage
from gateway.access_log import AccessLog
from gateway.auth.principal import Principal
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dispatch.attempt import Equipment
from gateway.dispatch.clocks import Watch
from gateway.dispatch.observe import observe
from gateway.door import Request
from gateway.metering.journal import Journal
from gateway.metering.meter import Meter
from gateway.metering.records import AttemptStart, Ending, EndState
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.candidates import decide
from gateway.routing.table import load
from gateway.stats.book import Book
from gateway.stats.health import Health

ROUNDS = 40
CHUNKS = 1_000
RULES = """
version: 1
providers:
  mock: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  bench:
    targets:
      - {provider: mock, model: bench, price: {input: 0.10, output: 0.30}}
      - {provider: mock, model: bench-b, price: {input: 0.20, output: 0.60}}
      - {provider: mock, model: bench-c, price: {input: 0.40, output: 1.20}}
    policy: cheapest
policies:
  cheapest: {objective: cost}
"""
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "y" * 200}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }
)


def body(size: int, *, stream: bool = False) -> bytes:
    """A caller's request of about this many bytes."""
    asked = {"model": "bench", "messages": [{"role": "user", "content": "word " * (size // 5 - 20)}], "max_tokens": 100}
    return orjson.dumps({**asked, "stream": True} if stream else asked)


def event(delta: Mapping[str, Any], **more: Any) -> bytes:
    """A chunk of a streamed answer, about 250 bytes."""
    chunk = {
        "id": "chatcmpl-" + "0" * 24,
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "bench",
        "system_fingerprint": "fp_0123456789",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": more.pop("finish", None)}],
        **more,
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


CHUNK = event({"content": " " + "word" * 8})
END = event({}, finish="stop") + event({}, usage={"prompt_tokens": 9, "completion_tokens": 9}) + b"data: [DONE]\n\n"


class Upstream:
    """Answers at once, in one piece or in events."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Implements backends.backend.Backend."""
        if not request.stream:
            sink.on_head(200, {"content-type": "application/json"})
            sink.on_data(ANSWER)
            return
        sink.on_head(200, {"content-type": "text/event-stream"})
        for _ in range(CHUNKS):
            sink.on_data(CHUNK)
        sink.on_data(END)

    async def close(self) -> None:
        """Nothing is held."""


class Caller:
    """Implements gateway.door.Responder: hears everything, keeps nothing."""

    __slots__ = ("started",)

    def __init__(self) -> None:
        self.started = False

    def start(self, status: int, headers: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begun."""
        self.started = True

    def write(self, data: bytes) -> None:
        """Heard."""

    def flush(self) -> None:
        """Nothing was gathered."""

    def attach(self, flow: Flow | None) -> None:
        """Never slow."""

    async def drain(self) -> None:
        """Never slow."""

    async def end(self) -> None:
        """Whole."""


class JournalAlone(Meter):
    """A meter without the tasks that bring the journal into Redis."""

    def __init__(self, journal: Journal) -> None:
        self.sent = journal.sent
        self._journal = journal

    def forget(self) -> None:
        """What the flusher would do five times a second: the records are in Redis."""
        backlog = self._journal.backlog
        for partition in list(backlog.behind):
            backlog.set_applied(partition, backlog.last[partition], 0.0)


class Bench:
    """The parts of one worker that a request passes through."""

    def __init__(self, loop: asyncio.AbstractEventLoop, journal: Journal) -> None:
        self.loop = loop
        self.journal = journal
        self.meter = JournalAlone(journal)
        self.dialect = OpenAIChat()
        self.adapter = OpenAIAdapter()
        self.metrics = Metrics()
        self.book = Book(time.monotonic)
        self.table = load(RULES, path="bench", environment={}, read_file=lambda _: "", catalogue=None)
        self.equipment = Equipment(
            loop,
            time.monotonic,
            self.meter,
            self.metrics,
            {"openai": self.adapter},
            {"mock": Upstream()},
            Health(time.monotonic),
            self.book,
        )
        self.log = AccessLog(loop, io.BytesIO())
        self.pipeline = Pipeline(lambda: self.table, self.equipment, self.log)
        self.principal = Principal("key_0123456789", "bench")
        self.rows: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {}

    def request(self, content: bytes) -> Request:
        """A request at the door."""
        return Request("req-0123456789", "POST", "/", {}, content, self.principal, None, time.monotonic())

    def steps(self) -> None:
        """Each step alone."""
        request = self.request(body(500))
        chat = self.dialect.parse(request.body, {})
        decision = decide(self.table, chat, request, random.random)
        chosen = decision.candidates[0]
        usage = Usage(input=100, output=50)
        ending = Ending(EndState.COMPLETE, 200, final=True, usage=usage, duration_s=0.01)
        record = self.journal.sent(_start(chosen.price)).done(ending)

        tally = self.metrics.tally(("openai_chat", "bench", "mock", False, ""))

        def watch() -> None:
            with Watch(self.equipment.alarms, _Quiet(), chosen.clocks, stream=False, total_at=1e9, stream_total_at=1e9):
                pass

        self.alone("parse 500 B", lambda: self.dialect.parse(request.body, {}))
        large = body(100_000)
        self.alone("parse 100 kB", lambda: self.dialect.parse(large, {}), 20)
        self.alone("decide, three targets", lambda: decide(self.table, chat, request, random.random))
        self.alone("build_request", lambda: self.adapter.build_request(chat, chosen.target, chosen.clocks))
        self.alone("journal: sent and done", lambda: self.journal.sent(_start(chosen.price)).done(ending))
        self.alone("clocks", watch)
        self.alone("parse_response", lambda: self.adapter.parse_response(chat, ANSWER))
        self.alone("metrics of an attempt", lambda: observe(self.metrics, self.book, tally, "bench", record))
        self.alone("relay, one chunk", _flowing_relay())

    def whole(self) -> None:
        """Whole requests: what counts."""
        for size in (500, 8_000, 100_000):
            self.together(f"unary request, {size} B", self.request(body(size)), 200)
        self.together("one chunk of a stream", self.request(body(500, stream=True)), 1, per=CHUNKS)

    def alone(self, name: str, step: Callable[[], object], times: int = 500) -> None:
        """Enter a plain call."""

        async def measure() -> float:
            began = time.process_time()
            for _ in range(times):
                step()
            return (time.process_time() - began) / times

        self.rows[name] = measure

    def together(self, name: str, request: Request, times: int, *, per: int = 1) -> None:
        """Enter the whole path of a request."""

        async def measure() -> float:
            began = time.process_time()
            for _ in range(times):
                await self.pipeline.run(request, Caller(), self.dialect)
            return (time.process_time() - began) / times / per

        self.rows[name] = measure

    async def best(self) -> dict[str, float]:
        """Seconds by row. Every row once, then all again: a neighbour who wakes up disturbs them alike."""
        best = dict.fromkeys(self.rows, float("inf"))
        for _ in range(ROUNDS):
            for name, measure in self.rows.items():
                best[name] = min(best[name], await measure())
                self.meter.forget()
                await asyncio.sleep(0)  # the access log writes its lines
        return best


class _Quiet:
    """Implements gateway.dispatch.clocks.Progress for an answer of which nothing has come."""

    started = draining = done = False
    last_data = last_write = 0.0

    def keep_alive(self) -> None:
        """Nobody waits."""


def _start(price: Any) -> AttemptStart:
    return AttemptStart(
        "req-0123456789-1",
        "req-0123456789",
        1,
        1.7e9,
        "key_0123456789",
        "bench",
        None,
        {},
        "openai_chat",
        "bench",
        "mock",
        "mock/bench@127.0.0.1:9",
        "bench",
        False,
        price,
        "0123456789ab",
        100,
        100,
    )


def _flowing_relay() -> Callable[[], bytes]:
    relay = OpenAIStreamRelay(hide_usage=True)
    relay.feed(CHUNK)
    return lambda: relay.feed(CHUNK)


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal.open(Path(directory))
        try:
            bench = Bench(asyncio.get_running_loop(), journal)
            bench.steps()
            bench.whole()
            for name, seconds in (await bench.best()).items():
                print(f"{name:28s}{seconds * 1e6:9.2f} µs")
        finally:
            journal.close()


if __name__ == "__main__":
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(main())
