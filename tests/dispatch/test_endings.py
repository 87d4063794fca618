"""Where an answer ends, nothing follows; and what is too long to be translated is refused."""

from pathlib import Path
from typing import Any

import pytest

from backends.adapter import Adapter
from backends.backend import Sink
from backends.providers.openai import OpenAIAdapter
from backends.types import ChatRequest
from backends.vllm import VLLMAdapter
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dispatch import sink as sinks
from tests.dispatch.stage import DONE, HI, Json, Player, chunk, play

RULES = """
version: 1
providers:
  one: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
  two: {protocol: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  m: {targets: [{provider: one, model: m, priority: 1}, {provider: two, model: m, priority: 2}]}
"""
WORDS = [chunk({"content": word}) for word in ("a", "b", "c")]
ERROR = b'data: {"error": {"message": "died", "code": 500}}\n\n'


@pytest.mark.parametrize("adapter", [OpenAIAdapter(), VLLMAdapter()])
@pytest.mark.parametrize("end", [ERROR, DONE])
@pytest.mark.parametrize("together", [False, True])
def test_nothing_passes_after_the_end(adapter: Adapter, end: bytes, *, together: bool) -> None:
    relay = adapter.stream_relay(ChatRequest(b"{}", {}, "m", True, False))
    pieces = [*WORDS, end, *WORDS, *WORDS]
    passed = b"".join(relay.feed(piece) for piece in ([b"".join(pieces)] if together else pieces))
    assert passed.count(b'"content"') == 3
    assert relay.done or relay.error is not None


def whole(size: int) -> Any:
    async def play(body: Json, sink: Sink) -> None:
        sink.on_head(200, {"content-type": "application/json"})
        answer = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"finish_reason":"stop"}]}'
        data = answer % (b"x" * size)
        for start in range(0, len(data), 1000):
            sink.on_data(data[start : start + 1000])

    return play


def test_a_translated_answer_past_all_bounds_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "LONGEST_ANSWER", 4000)
    players = {"one": Player(whole(8000)), "two": Player(whole(10))}
    body = {"messages": HI, "max_tokens": 10, "stream": False}
    outcome = play(tmp_path, RULES, players, body, dialect=AnthropicMessages())[0]
    assert outcome.attempts == [("one", "upstream_failed"), ("two", "complete")]
    assert outcome.caller.body.startswith(b'{"')
    assert b'"type":"message"' in outcome.caller.body


def test_one_whose_bytes_pass_may_be_as_long_as_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "LONGEST_ANSWER", 4000)
    outcome = play(tmp_path, RULES, {"one": Player(whole(8000))}, {"messages": HI, "stream": False})[0]
    assert outcome.attempts == [("one", "complete")]
    assert len(outcome.caller.body) > 8000
