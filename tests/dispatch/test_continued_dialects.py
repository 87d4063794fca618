"""Callers who speak something else than the upstream: their answer is one message, however many attempts it took. And
upstreams that take a begun answer in their own way."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from backends.backend import Sink
from backends.errors import ConnectionLost
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.openai_responses import OpenAIResponses
from tests.dispatch.engine import ANSWER, REASONING, THOUGHT, WHOLE, speaks
from tests.dispatch.stage import DONE, EVENTS, HI, Json, Outcome, Player, chunk, play

RULES = """
version: 1
providers:
  one: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  two: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  claude: {protocol: anthropic, base_url: "http://127.0.0.1:9", api_key: x}
models:
  m:
    capabilities: [reasoning, continue]
    targets: [{provider: one, model: m, priority: 1}, {provider: two, model: m, priority: 2}]
  to-claude:
    capabilities: [reasoning, continue]
    targets: [{provider: one, model: m, priority: 1}, {provider: claude, model: claude-3-5-haiku-latest, priority: 2}]
  from-claude:
    capabilities: [reasoning, continue]
    targets: [{provider: claude, model: claude-3-5-haiku-latest, priority: 1}, {provider: two, model: m, priority: 2}]
"""
ALL = len(REASONING) + len(ANSWER)
ANTHROPIC = {"messages": HI, "max_tokens": 1000, "thinking": {"type": "enabled", "budget_tokens": 1024}}


def players(**given: Player) -> dict[str, Player]:
    return {name: given.get(name, Player(speaks())) for name in ("one", "two", "claude")}


def kinds(outcome: Outcome) -> list[str]:
    return [event["type"] for event in outcome.caller.events]


def texts(outcome: Outcome, kind: str, field: str) -> str:
    deltas = [event["delta"] for event in outcome.caller.events if event["type"] == "content_block_delta"]
    return "".join(delta[field] for delta in deltas if delta["type"] == kind)


@pytest.mark.parametrize("at", range(1, ALL + 1))
def test_anthropics_message_is_one_message(tmp_path: Path, at: int) -> None:
    asked = players(one=Player(speaks(at)), two=Player(speaks(name="2")))
    outcome = play(tmp_path, RULES, asked, ANTHROPIC, dialect=AnthropicMessages())[0]
    found = kinds(outcome)
    assert found[0] == "message_start"
    assert found[-1] == "message_stop"
    assert (found.count("message_start"), found.count("message_delta"), found.count("message_stop")) == (1, 1, 1)
    assert texts(outcome, "text_delta", "text") == WHOLE
    thought = texts(outcome, "thinking_delta", "thinking")
    assert thought == (THOUGHT if at >= len(REASONING) else "".join(REASONING[:at]))
    open_blocks = [event["index"] for event in outcome.caller.events if event["type"] == "content_block_start"]
    assert open_blocks == [0, 1]
    assert found.count("content_block_stop") == 2
    usage = next(event["usage"] for event in outcome.caller.events if event["type"] == "message_delta")
    assert usage["output_tokens"] >= (ALL if at > len(REASONING) + 1 else len(ANSWER))


@pytest.mark.parametrize("at", range(1, ALL + 1))
def test_a_response_is_one_response(tmp_path: Path, at: int) -> None:
    asked = players(one=Player(speaks(at)), two=Player(speaks(name="2")))
    body = {"input": "hi", "store": False}
    outcome = play(tmp_path, RULES, asked, body, dialect=OpenAIResponses())[0]
    events = outcome.caller.events
    assert kinds(outcome).count("response.created") == 1
    assert kinds(outcome)[-1] == "response.completed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    message = next(item for item in events[-1]["response"]["output"] if item["type"] == "message")
    assert message["content"][0]["text"] == WHOLE
    told = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert told == WHOLE


async def claude_goes_on(body: Json, sink: Sink) -> None:
    begun = body["messages"][-1]
    assert begun["role"] == "assistant"
    text = "".join(block["text"] for block in begun["content"])
    assert text == text.rstrip()
    assert "thinking" not in body
    start = WHOLE.index(text) + len(text)
    sink.on_head(200, EVENTS)
    usage = {"input_tokens": 20, "output_tokens": 1}
    message = {"id": "msg", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": usage}
    say(sink, "message_start", message=message)
    say(sink, "content_block_start", index=0, content_block={"type": "text", "text": ""})
    for letter in WHOLE[start:]:
        say(sink, "content_block_delta", index=0, delta={"type": "text_delta", "text": letter})
    say(sink, "content_block_stop", index=0)
    say(sink, "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
    say(sink, "message_stop")


def say(sink: Sink, kind: str, **fields: Any) -> None:
    sink.on_data(b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields})))


@pytest.mark.parametrize("at", range(len(REASONING) + 2, ALL + 1))
def test_claude_goes_on_with_a_begun_message(tmp_path: Path, at: int) -> None:
    asked = players(one=Player(speaks(at)), claude=Player(claude_goes_on))
    outcome = play(tmp_path, RULES, asked, {"messages": HI, "model": "to-claude"})[0]
    assert outcome.caller.said("content") == WHOLE
    assert {event["id"] for event in outcome.caller.events} == {"chatcmpl-1"}
    assert outcome.caller.body.endswith(DONE)
    assert outcome.attempts == [("one", "continued"), ("claude", "complete")]


def test_what_claude_began_qwen_goes_on_with(tmp_path: Path) -> None:
    async def begins(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        usage = {"input_tokens": 20, "output_tokens": 1}
        message = {"id": "msg", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": usage}
        say(sink, "message_start", message=message)
        say(sink, "content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in ("Hel", "lo ", "wi"):
            say(sink, "content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        raise ConnectionLost("cut")

    asked = players(claude=Player(begins), two=Player(speaks(name="2")))
    outcome = play(tmp_path, RULES, asked, {"messages": HI, "model": "from-claude"})[0]
    assert outcome.caller.said("content") == WHOLE.strip("\n")
    assert len({event["id"] for event in outcome.caller.events}) == 1
    assert outcome.attempts == [("claude", "continued"), ("two", "complete")]


def test_bytes_that_pass_in_another_dialect_end_with_an_error(tmp_path: Path) -> None:
    async def begins(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        usage = {"input_tokens": 20, "output_tokens": 1}
        message = {"id": "msg", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": usage}
        say(sink, "message_start", message=message)
        say(sink, "content_block_start", index=0, content_block={"type": "text", "text": ""})
        say(sink, "content_block_delta", index=0, delta={"type": "text_delta", "text": "Hel"})
        raise ConnectionLost("cut")

    asked = players(claude=Player(begins))
    body = {**ANTHROPIC, "model": "from-claude"}
    outcome = play(tmp_path, RULES, asked, body, dialect=AnthropicMessages())[0]
    assert kinds(outcome)[-1] == "error"
    assert not asked["two"].asked


def test_a_thought_that_passed_in_another_dialect_is_begun_anew_only_in_that_one(tmp_path: Path) -> None:
    async def begins(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        usage = {"input_tokens": 20, "output_tokens": 1}
        message = {"id": "msg", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": usage}
        say(sink, "message_start", message=message)
        say(sink, "content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
        say(sink, "content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm"})
        raise ConnectionLost("cut")

    asked = players(claude=Player(begins))
    body = {**ANTHROPIC, "model": "from-claude"}
    outcome = play(tmp_path, RULES, asked, body, dialect=AnthropicMessages())[0]
    assert kinds(outcome).count("message_start") == 1
    assert not asked["two"].asked


async def finishes_and_is_cut(body: Json, sink: Sink) -> None:
    sink.on_head(200, EVENTS)
    sink.on_data(chunk({"content": "all"}) + chunk({}, "stop"))
    raise ConnectionLost("cut")


async def finishes_and_hangs(body: Json, sink: Sink) -> None:
    sink.on_head(200, EVENTS)
    sink.on_data(chunk({"content": "all"}) + chunk({}, "stop"))
    await asyncio.Event().wait()


@pytest.mark.parametrize("story", [finishes_and_is_cut, finishes_and_hangs])
def test_once_it_is_said_why_the_answer_ended_nothing_is_missing(tmp_path: Path, story: Any) -> None:
    asked = players(one=Player(story))
    outcome = play(tmp_path, RULES, asked, {"messages": HI})[0]
    assert outcome.caller.said("content") == "all"
    assert outcome.caller.body.endswith(DONE)
    assert outcome.attempts == [("one", "complete")]
    assert not asked["two"].asked
