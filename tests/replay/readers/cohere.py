"""Cohere's chat, version 2. https://docs.cohere.com/reference/chat and /reference/chat-stream"""

import json
from typing import Any

from tests.replay.readers.framing import sse_objects
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


def read_whole(body: bytes) -> Reading:
    """A chat response."""
    answer = json.loads(body)
    message = answer["message"]
    return _read(message, answer.get("finish_reason"), answer.get("usage"), bool(message.get("citations")))


def read_stream(body: bytes) -> Reading:
    """Its events, put together."""
    texts, thoughts, plan = [], [], []
    tools: dict[int, dict[str, Any]] = {}
    finish, usage, cited = None, None, False
    for event in sse_objects(body):
        kind, delta = event.get("type"), event.get("delta") or {}
        message = delta.get("message") or {}
        if kind in ("content-start", "content-delta"):
            content = message.get("content") or {}
            texts.append(content.get("text") or "")
            thoughts.append(content.get("thinking") or "")
        elif kind == "tool-plan-delta":
            plan.append(message["tool_plan"])
        elif kind == "tool-call-start":
            call = message["tool_calls"]
            tools[event["index"]] = {"id": call["id"], "function": dict(call["function"])}
        elif kind == "tool-call-delta":
            tools[event["index"]]["function"]["arguments"] += message["tool_calls"]["function"]["arguments"]
        elif kind == "citation-start":
            cited = True
        elif kind == "message-end":
            finish, usage = delta.get("finish_reason"), delta.get("usage")
    message = {
        "content": [{"type": "thinking", "thinking": joined(thoughts)}, {"type": "text", "text": joined(texts)}],
        "tool_plan": joined(plan),
        "tool_calls": [tools[index] for index in sorted(tools)],
    }
    return _read(message, finish, usage, cited)


def _read(message: dict[str, Any], finish: str | None, usage: Any, cited: bool) -> Reading:
    if finish in ("ERROR", "TIMEOUT"):
        return Reading(faults=frozenset({"capacity"}))
    parts = message.get("content") or []
    thought = joined([part.get("thinking") or "" for part in parts if part.get("type") == "thinking"])
    choice = Choice(
        text=joined([part.get("text") or "" for part in parts if part.get("type") == "text"]),
        # The plan is what the model says to itself before it calls: nothing but reasoning has room for it.
        reasoning=(message.get("tool_plan") or "") + thought,
        tools=tuple(
            Tool(call["id"], call["function"]["name"], canonical(call["function"]["arguments"]))
            for call in message.get("tool_calls") or []
        ),
        finish=_FINISH[finish] if finish else None,
    )
    return Reading((choice,), _usages(usage), cited=cited)


def _usages(usage: Any) -> tuple[Tokens, ...]:
    """`tokens` is what was processed, `billed_units` what is paid for: either is an honest answer."""
    if not usage:
        return ()
    found = []
    tokens, billed, cached = usage.get("tokens"), usage.get("billed_units"), usage.get("cached_tokens") or 0
    if tokens:
        prompt, output = int(tokens.get("input_tokens") or 0), int(tokens.get("output_tokens") or 0)
        thought, images = int(tokens.get("reasoning_tokens") or 0), int(tokens.get("image_tokens") or 0)
        for written in {(output - thought, thought), (output, 0)}:
            found.append(Tokens(prompt - cached, cached, 0, *written))
            found.append(Tokens(prompt + images - cached, cached, 0, *written))
    if billed:
        prompt, output = int(billed.get("input_tokens") or 0), int(billed.get("output_tokens") or 0)
        thought = min(int((tokens or {}).get("reasoning_tokens") or 0), output)
        found += [Tokens(prompt, 0, 0, output, 0), Tokens(prompt, 0, 0, output - thought, thought)]
    return tuple(found)
