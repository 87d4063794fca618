"""Anthropic's messages. https://docs.anthropic.com/en/api/messages and /en/docs/build-with-claude/streaming

Tools that the provider runs itself (web search, code execution) are not the caller's calls: they are passed over.
"""

import base64
import json
from typing import Any

from tests.replay.readers.faults import faults
from tests.replay.readers.framing import aws_frames, sse_objects
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def read_whole(body: bytes) -> Reading:
    """A message."""
    return _message(json.loads(body))


def read_stream(body: bytes) -> Reading:
    """Its events, put together to the message they tell of."""
    return _folded(sse_objects(body))


def read_bedrock_stream(body: bytes) -> Reading:
    """InvokeModelWithResponseStream: each frame holds `{"bytes": base64 of an event}`."""
    return _folded([json.loads(base64.b64decode(json.loads(payload)["bytes"])) for _, payload in aws_frames(body)])


def _folded(events: list[dict[str, Any]]) -> Reading:
    message: dict[str, Any] = {"content": []}
    inputs: dict[int, list[str]] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event.get("type")
        if kind == "error":
            return Reading(faults=_faults_of(event["error"]))
        if kind == "message_start":
            message |= {"usage": event["message"].get("usage") or {}}
        elif kind == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            _add(blocks[event["index"]], event["delta"], inputs.setdefault(event["index"], []))
        elif kind == "message_delta":
            message |= {name: value for name, value in event["delta"].items() if value is not None}
            told = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
            message["usage"] = {**message["usage"], **told}
    for index, block in blocks.items():
        if inputs.get(index):
            block["input"] = joined(inputs[index])
    message["content"] = [blocks[index] for index in sorted(blocks)]
    return _message(message)


def _add(block: dict[str, Any], delta: dict[str, Any], inputs: list[str]) -> None:
    kind = delta["type"]
    if kind == "input_json_delta":
        inputs.append(delta["partial_json"])
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    else:
        field = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[kind]
        block[field] = (block.get(field) or "") + delta[field]


def _faults_of(error: dict[str, Any]) -> frozenset[str]:
    statuses = {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "overloaded_error": 529,
    }
    return faults(statuses.get(error.get("type", ""), 500), json.dumps(error))


def _message(message: dict[str, Any]) -> Reading:
    if message.get("type") == "error":
        return Reading(faults=_faults_of(message["error"]))
    blocks = message["content"]
    tools = tuple(
        Tool(block["id"], block["name"], canonical(block.get("input")))
        for block in blocks
        if block["type"] == "tool_use"
    )
    choice = Choice(
        text=joined([block["text"] for block in blocks if block["type"] == "text"]),
        reasoning=joined([block.get("thinking") or "" for block in blocks if block["type"] == "thinking"]),
        tools=tools,
        finish=_FINISH[message["stop_reason"]] if message.get("stop_reason") else None,
    )
    signatures = {block.get("signature") for block in blocks if block["type"] == "thinking"}
    signatures |= {block["data"] for block in blocks if block["type"] == "redacted_thinking"}
    return Reading(
        (choice,),
        _usages(message.get("usage")),
        frozenset(value for value in signatures if value),
        any(block.get("citations") for block in blocks),
    )


def _usages(usage: Any) -> tuple[Tokens, ...]:
    if not usage:
        return ()
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    output = usage.get("output_tokens") or 0
    return (Tokens(usage.get("input_tokens") or 0, read, written, max(output - thought, 0), min(thought, output)),)
