"""Streams that are no server-sent events: Bedrock's frames, said again in each caller's dialect."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from backends.backend import Flow, Sink
from backends.providers.bedrock import BedrockAdapter
from backends.types import UpstreamRequest
from gateway.access_log import quiet
from gateway.auth.principal import Principal
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dispatch.attempt import Equipment
from gateway.door import Request
from gateway.metering.journal import Journal
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.routing.table import load
from gateway.stats.book import Book
from gateway.stats.health import Health
from tests.backends.bedrock.played import exception, frames

RULES = """
version: 1
providers:
  bedrock: {region: eu-west-1, api_key: bedrock-api-key-x}
models:
  m: {targets: [{provider: bedrock, model: eu.amazon.nova-lite-v1:0}]}
"""
ASKED = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}], "stream": True}
FRAMES = "application/vnd.amazon.eventstream"


class Upstream:
    """Answers with these pieces."""

    def __init__(self, pieces: list[bytes], kind: str) -> None:
        self.pieces, self.kind = pieces, kind
        self.asked: UpstreamRequest | None = None

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        self.asked = request
        sink.on_head(200, {"content-type": self.kind})
        for piece in self.pieces:
            sink.on_data(piece)

    async def close(self) -> None:
        pass


class Caller:
    """Implements gateway.door.Responder."""

    def __init__(self) -> None:
        self.started = False
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.body = b""

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started, self.status, self.headers = True, status, headers

    def write(self, data: bytes) -> None:
        self.body += data

    def flush(self) -> None:
        pass

    def attach(self, flow: Flow | None) -> None:
        pass

    async def drain(self) -> None:
        pass

    async def end(self) -> None:
        pass


def answered(tmp_path: Path, upstream: Upstream, dialect: Dialect) -> Caller:
    table = load(RULES, path="r", environment={}, read_file=lambda _: "", catalogue=None)
    caller = Caller()

    async def play() -> None:
        journal = Journal.open(tmp_path / "journal")
        clock = time.monotonic
        adapters, backends = {"bedrock": BedrockAdapter()}, {"bedrock": upstream}
        equipment = Equipment(
            asyncio.get_running_loop(), clock, journal, Metrics(), adapters, backends, Health(clock), Book(clock)
        )
        request = Request("r", "POST", "/", {}, orjson.dumps(ASKED), Principal("k", "n"), None, clock())
        await Pipeline(lambda: table, equipment, quiet).run(request, caller, dialect)
        journal.close()

    asyncio.run(play())
    return caller


def events(body: bytes) -> list[dict[str, Any]]:
    lines = (line[6:] for line in body.split(b"\n") if line.startswith(b"data: "))
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


def test_frames_reach_a_caller_of_openais_as_events(tmp_path: Path) -> None:
    upstream = Upstream(frames("stream_text"), FRAMES)
    caller = answered(tmp_path, upstream, OpenAIChat())
    assert caller.status == 200
    assert caller.headers["content-type"] == "text/event-stream; charset=utf-8"
    said = [chunk["choices"][0]["delta"].get("content", "") for chunk in events(caller.body)]
    assert "".join(said) == "Fog überall."
    assert caller.body.endswith(b"data: [DONE]\n\n")
    assert upstream.asked is not None
    assert upstream.asked.url == (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.amazon.nova-lite-v1%3A0/converse-stream"
    )


def test_frames_reach_a_caller_of_anthropics_as_events(tmp_path: Path) -> None:
    caller = answered(tmp_path, Upstream(frames("stream_tools_and_thoughts"), FRAMES), AnthropicMessages())
    blocks = [event["content_block"]["type"] for event in events(caller.body) if event["type"] == "content_block_start"]
    assert blocks == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    (stop,) = (event for event in events(caller.body) if event["type"] == "message_delta")
    assert stop["delta"]["stop_reason"] == "tool_use"
    assert stop["usage"]["output_tokens"] == 40


def test_an_exception_before_any_content_is_an_error_with_a_status(tmp_path: Path) -> None:
    pieces = [frames("stream_text")[0], exception("throttlingException", "Slow down.")]
    caller = answered(tmp_path, Upstream(pieces, FRAMES), OpenAIChat())
    assert caller.status == 429
    assert "Slow down." in orjson.loads(caller.body)["error"]["message"]


@pytest.mark.parametrize("kind", ["application/json", "text/html", ""])
def test_other_media_types_are_no_streams(tmp_path: Path, kind: str) -> None:
    assert answered(tmp_path, Upstream(frames("stream_text"), kind), OpenAIChat()).status == 502
