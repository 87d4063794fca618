"""A request's whole way through the pipeline in one process and in virtual time, between upstreams that play stories
and a caller who keeps all that it hears."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from backends.backend import Flow, Sink
from backends.types import UpstreamRequest
from gateway.access_log import quiet
from gateway.auth.principal import Principal
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dispatch.attempt import Equipment
from gateway.door import Request
from gateway.metering.journal import Journal, OpenAttempt
from gateway.metering.records import AttemptStart, UsageRecord
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.table import load
from gateway.stats.book import Book
from gateway.stats.health import Health
from gateway.translators import adapters
from tests.support.virtual_time import run

Json = dict[str, Any]
Story = Callable[[Json, Sink], Awaitable[None]]
"""Plays one exchange: it is given the request's body."""

EVENTS = {"content-type": "text/event-stream"}
HI = [{"role": "user", "content": "hi"}]


class Player:
    """An upstream: one story for each request, the last one for all that follow. Keeps what it was asked."""

    def __init__(self, *stories: Story) -> None:
        self._stories = list(stories)
        self.asked: list[Json] = []
        self.ended: list[str] = []
        """How each exchange ended: the name of what was raised, or `whole`."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        body = orjson.loads(request.body)
        self.asked.append(body)
        story = self._stories.pop(0) if len(self._stories) > 1 else self._stories[0]
        try:
            await story(body, sink)
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("whole")

    async def close(self) -> None:
        pass


@dataclass
class Caller:
    """Implements gateway.door.Responder; keeps what it heard, and when."""

    started: bool = False
    ended: bool = False
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        assert not self.started, "two heads"
        self.started, self.status, self.headers = True, status, headers

    def write(self, data: bytes) -> None:
        assert not self.ended, "written after the end"
        self.heard.append((asyncio.get_running_loop().time(), data))

    def flush(self) -> None:
        pass

    def attach(self, flow: Flow | None) -> None:
        pass

    async def drain(self) -> None:
        pass

    async def end(self) -> None:
        self.ended = True

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.heard)

    @property
    def events(self) -> list[Json]:
        """Each event's data, the terminator left out."""
        lines = self.body.replace(b"\r\n", b"\n").split(b"\n")
        return [orjson.loads(line[5:]) for line in lines if line.startswith(b"data:") and b"[DONE]" not in line]

    def said(self, *names: str) -> str:
        """Of OpenAI's chat: these fields of all deltas, joined."""
        deltas = [choice["delta"] for event in self.events for choice in event.get("choices", ())]
        return "".join(delta.get(name) or "" for delta in deltas for name in names)

    @property
    def error(self) -> Json:
        return dict(self.events[-1]["error"])


@dataclass
class Outcome:
    """What became of one request."""

    caller: Caller
    opened: list[OpenAttempt]
    equipment: Equipment

    @property
    def records(self) -> list[UsageRecord]:
        """One for each attempt that was sent, in order; all have ended."""
        found = [opened.record for opened in self.opened]
        assert all(found), "an attempt that was never settled"
        return [record for record in found if record is not None]

    @property
    def attempts(self) -> list[tuple[str, str]]:
        """Provider, and how it ended."""
        return [(record.start.provider, str(record.ending.state)) for record in self.records]


def play(
    directory: Path,
    rules: str,
    players: Mapping[str, Player],
    body: Json | None = None,
    *,
    dialect: Dialect | None = None,
    requests: int = 1,
    before: Callable[[Equipment], None] = lambda _: None,
    leaves_at: float | None = None,
) -> Sequence[Outcome]:
    """Requests one after another, of one worker; `leaves_at`: the caller's patience, each time."""
    table = load(rules, path="r", environment={}, read_file=lambda _: "", catalogue=None)
    asked = orjson.dumps({"model": "m", "stream": True, **({"messages": HI} if body is None else body)})

    async def story() -> list[Outcome]:
        loop = asyncio.get_running_loop()
        journal = Journal.open(directory / "journal")
        opened: list[OpenAttempt] = []

        class Meter:
            def sent(self, start: AttemptStart) -> OpenAttempt:
                opened.append(journal.sent(start))
                return opened[-1]

        equipment = Equipment(
            loop,
            loop.time,
            Meter(),  # type: ignore[arg-type]
            Metrics(),
            adapters(),
            players,
            Health(loop.time),
            Book(loop.time),
        )
        before(equipment)
        found = []
        for number in range(requests):
            opened, caller = [], Caller()
            request = Request(f"r{number}", "POST", "/", {}, asked, Principal("k", "n"), None, loop.time())
            pipeline = Pipeline(lambda: table, equipment, quiet, dice=lambda: 0.5)
            going = loop.create_task(pipeline.run(request, caller, dialect or OpenAIChat()))
            if leaves_at is not None:
                loop.call_later(leaves_at, going.cancel)
            await asyncio.gather(going, return_exceptions=leaves_at is not None)
            found.append(Outcome(caller, opened, equipment))
        journal.close()
        assert not asyncio.all_tasks() - {asyncio.current_task()}, "something was left running"
        return found

    return run(story())


def chunk(delta: Json, finish: str | None = None, **more: Any) -> bytes:
    """One event of a streamed chat, as vLLM writes it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "token_ids": None}
    return b"data: " + orjson.dumps({**HEAD, "choices": [choice], **more}) + b"\n\n"


HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "upstream"}
DONE = b"data: [DONE]\n\n"
