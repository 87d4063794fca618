"""Bedrock's Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and ..._ConverseStream.html
"""

import base64
import json
import re
from typing import Any

from tests.replay.readers.faults import faults
from tests.replay.readers.framing import aws_frames
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def read_whole(body: bytes) -> Reading:
    """A ConverseResponse."""
    answer = json.loads(body)
    return _read(answer["output"]["message"]["content"], answer.get("stopReason"), answer.get("usage"))


def read_stream(body: bytes) -> Reading:
    """Its frames, put together. An exception frame ends it."""
    blocks: dict[int, dict[str, Any]] = {}
    finish, usage = None, None
    for headers, payload in aws_frames(body):
        event = json.loads(payload)
        kind = headers.get(":event-type") or ""
        if headers.get(":message-type") == "exception":
            status = 429 if "hrottling" in headers.get(":exception-type", "") else 500
            return Reading(faults=faults(status, json.dumps(event)))
        if kind == "contentBlockStart":
            tool = event["start"].get("toolUse")
            blocks[event["contentBlockIndex"]] = {"toolUse": {**tool, "input": ""}} if tool else {}
        elif kind == "contentBlockDelta":
            _add(blocks.setdefault(event["contentBlockIndex"], {}), event["delta"])
        elif kind == "messageStop":
            finish = event["stopReason"]
        elif kind == "metadata":
            usage = event.get("usage")
    return _read([blocks[index] for index in sorted(blocks)], finish, usage)


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"].get("input") or ""
    elif "citation" in delta:
        block["cited"] = True
    elif "reasoningContent" in delta:
        kept = block.setdefault("reasoningContent", {"reasoningText": {"text": "", "signature": ""}})
        piece = delta["reasoningContent"]
        for name in ("text", "signature"):
            kept["reasoningText"][name] += piece.get(name) or ""
        if piece.get("redactedContent"):
            kept["redactedContent"] = piece["redactedContent"]


def _read(blocks: list[dict[str, Any]], finish: str | None, usage: Any) -> Reading:
    texts, thoughts, tools, signatures = [], [], [], set()
    cited = False
    for block in blocks:
        tool = block.get("toolUse")
        if tool and tool.get("type") != "server_tool_use":
            tools.append(Tool(tool["toolUseId"], tool["name"], canonical(tool.get("input"))))
        texts.append(block.get("text") or "")
        quoted = block.get("citationsContent") or {}
        texts += [piece.get("text") or "" for piece in quoted.get("content") or []]
        cited = cited or bool(quoted.get("citations")) or bool(block.get("cited"))
        thought = block.get("reasoningContent") or {}
        thoughts.append((thought.get("reasoningText") or {}).get("text") or "")
        signatures |= {(thought.get("reasoningText") or {}).get("signature"), _redacted(thought)}
    choice = Choice(joined(texts), joined(thoughts), "", tuple(tools), _FINISH[finish] if finish else None)
    return Reading((choice,), _usages(usage), frozenset(value for value in signatures if value), cited)


def _redacted(thought: dict[str, Any]) -> str | None:
    """A blob, in JSON written as base64. Claude's own value is base64 already, so it comes encoded twice."""
    blob = thought.get("redactedContent")
    if not blob:
        return None
    inner = base64.b64decode(blob)
    return inner.decode() if re.fullmatch(rb"[A-Za-z0-9+/]{16,}={0,2}", inner) else blob


def _usages(usage: Any) -> tuple[Tokens, ...]:
    if not usage:
        return ()
    read, written = usage.get("cacheReadInputTokens") or 0, usage.get("cacheWriteInputTokens") or 0
    return (Tokens(usage["inputTokens"], read, written, usage["outputTokens"], 0),)
