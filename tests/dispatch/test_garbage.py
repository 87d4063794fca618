"""A request leaves nothing to the cyclic collector: a full collection stops every stream of the worker."""

import asyncio
import gc
import time
from collections.abc import Mapping

import orjson

from backends.backend import Flow, Sink
from backends.providers.openai import OpenAIAdapter
from backends.types import UpstreamRequest
from gateway.access_log import quiet
from gateway.auth.principal import Principal
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dispatch.attempt import Equipment
from gateway.door import Request
from gateway.metering.journal import Journal
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.table import load
from gateway.stats.book import Book
from gateway.stats.health import Health

RULES = """
version: 1
providers:
  one: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  m: {targets: [{provider: one, model: m}, {provider: one, model: other}]}
"""
ANSWER = orjson.dumps({"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1}})
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)


class Upstream:
    """Answers at once."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        sink.on_head(200, {"content-type": "text/event-stream" if request.stream else "application/json"})
        for piece in EVENTS if request.stream else (ANSWER,):
            sink.on_data(piece)

    async def close(self) -> None:
        pass


class Caller:
    """Implements gateway.door.Responder."""

    def __init__(self) -> None:
        self.started = False

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        assert status == 200
        self.started = True

    def write(self, data: bytes) -> None:
        pass

    def flush(self) -> None:
        pass

    def attach(self, flow: Flow | None) -> None:
        pass

    async def drain(self) -> None:
        pass

    async def end(self) -> None:
        pass


def left_by(tmp_path, *, stream: bool, requests: int) -> int:
    """Objects in cycles after so many requests."""
    table = load(RULES, path="r", environment={}, read_file=lambda _: "", catalogue=None)
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream})

    async def play() -> int:
        journal = Journal.open(tmp_path / f"journal-{stream}")
        adapters, backends = {"openai": OpenAIAdapter()}, {"one": Upstream()}
        equipment = Equipment(
            asyncio.get_running_loop(),
            time.monotonic,
            journal,
            Metrics(),
            adapters,
            backends,
            Health(time.monotonic),
            Book(time.monotonic),
        )
        pipeline = Pipeline(lambda: table, equipment, quiet)

        async def answer(number: int) -> None:
            for _ in range(number):
                request = Request("r", "POST", "/", {}, body, Principal("k", "n"), None, time.monotonic())
                await pipeline.run(request, Caller(), OpenAIChat())

        await answer(10)
        gc.collect()
        gc.disable()
        try:
            await answer(requests)
            return gc.collect()
        finally:
            gc.enable()
            journal.close()

    return asyncio.run(play())


def test_unary_requests_leave_no_cycles(tmp_path) -> None:
    assert left_by(tmp_path, stream=False, requests=1_000) < 100


def test_streams_leave_no_cycles(tmp_path) -> None:
    assert left_by(tmp_path, stream=True, requests=1_000) < 100
