"""A caller who waits in silence hears a comment every 15 seconds, which commits nothing. In virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import orjson

from backends.backend import Flow, Sink
from backends.errors import ConnectionLost
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
from tests.support.virtual_time import run

RULES = """
version: 1
providers:
  one: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
  two: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  m: {targets: [{provider: one, model: m, priority: 1}, {provider: two, model: m, priority: 2}]}
"""
COMMENT = b": headrace\n\n"
HELLO = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

Story = Callable[[Sink], Awaitable[None]]


class Upstream:
    def __init__(self, story: Story) -> None:
        self._story = story

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        await self._story(sink)

    async def close(self) -> None:
        pass


class Caller:
    """Implements gateway.door.Responder; keeps what it heard, and when."""

    def __init__(self) -> None:
        self.started = False
        self.status = 0
        self.heard: list[tuple[int, bytes]] = []

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started, self.status = True, status

    def write(self, data: bytes) -> None:
        self.heard.append((round(asyncio.get_running_loop().time()), data))

    def flush(self) -> None:
        pass

    def attach(self, flow: Flow | None) -> None:
        pass

    async def drain(self) -> None:
        pass

    async def end(self) -> None:
        pass


def play(tmp_path: Path, one: Story, two: Story | None = None) -> Caller:
    table = load(RULES, path="r", environment={}, read_file=lambda _: "", catalogue=None)
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True})

    async def answer() -> Caller:
        loop, caller = asyncio.get_running_loop(), Caller()
        journal = Journal.open(tmp_path / "journal")
        backends = {"one": Upstream(one), "two": Upstream(two or one)}
        equipment = Equipment(
            loop,
            loop.time,
            journal,
            Metrics(),
            {"openai": OpenAIAdapter()},
            backends,
            Health(loop.time),
            Book(loop.time),
        )
        request = Request("r", "POST", "/", {}, body, Principal("k", "n"), None, loop.time())
        await Pipeline(lambda: table, equipment, quiet).run(request, caller, OpenAIChat())
        journal.close()
        return caller

    return run(answer())


async def late(sink: Sink) -> None:
    sink.on_head(200, {"content-type": "text/event-stream"})
    await asyncio.sleep(40)
    sink.on_data(HELLO)
    sink.on_data(END)


async def long(sink: Sink) -> None:
    """Half an hour, past every clock but the one for whole streams."""
    sink.on_head(200, {"content-type": "text/event-stream"})
    for _ in range(360):
        sink.on_data(HELLO)
        await asyncio.sleep(5)
    sink.on_data(END)


async def lost_after_a_while(sink: Sink) -> None:
    sink.on_head(200, {"content-type": "text/event-stream"})
    await asyncio.sleep(20)
    raise ConnectionLost("cut")


def test_a_silent_stream_is_kept_alive_by_comments(tmp_path: Path) -> None:
    caller = play(tmp_path, late)
    assert caller.status == 200
    assert caller.heard[:3] == [(15, COMMENT), (30, COMMENT), (40, HELLO)]
    assert b"".join(data for _, data in caller.heard[3:]) == END


def test_a_comment_does_not_commit_another_target_still_answers(tmp_path: Path) -> None:
    caller = play(tmp_path, lost_after_a_while, late)
    said = b"".join(data for _, data in caller.heard)
    assert said == COMMENT * 3 + HELLO + END
    assert caller.heard[0] == (15, COMMENT)


def test_when_nobody_answers_a_stream_that_was_kept_alive_ends_with_an_error_event(tmp_path: Path) -> None:
    caller = play(tmp_path, lost_after_a_while)
    said = b"".join(data for _, data in caller.heard)
    assert said.startswith(COMMENT)
    assert b"data: [DONE]" not in said
    last = orjson.loads(said.rsplit(b"data: ", 1)[1])
    assert last["error"]["code"] == "upstream_error"


def test_a_stream_that_goes_on_is_neither_cut_nor_begun_again(tmp_path: Path) -> None:
    caller = play(tmp_path, long)
    assert b"".join(data for _, data in caller.heard) == HELLO * 360 + END
