"""Anthropic's messages. https://docs.anthropic.com/en/api/messages and /en/docs/build-with-claude/streaming"""

import json
from typing import Any

from tests.conformance.said import MODEL, Said, halves

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def whole(said: Said) -> bytes:
    """A message."""
    message = {**_message(said), "content": _blocks(said), "stop_reason": _stop(said), "usage": _usage(said)}
    message["stop_sequence"] = said.stop_sequence or None
    return json.dumps(message).encode()


def stream(said: Said) -> bytes:
    """Its events. Usage begins in `message_start` and is cumulative in `message_delta`."""
    usage = _usage(said)
    begun = {**_message(said), "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**begun, "usage": {**usage, "output_tokens": 3}}}
    ]
    for index, block in enumerate(_blocks(said)):
        events += [{"type": kind, "index": index, **rest} for kind, rest in _told(block)]
        if index == 0:
            events.append({"type": "ping"})
    delta = {"stop_reason": _stop(said), "stop_sequence": said.stop_sequence or None}
    events.append({"type": "message_delta", "delta": delta, "usage": usage})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def _told(block: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    kind = block["type"]
    deltas: list[dict[str, Any]] = []
    if kind == "text":
        begun: dict[str, Any] = {"type": "text", "text": ""}
        deltas += [{"type": "text_delta", "text": piece} for piece in halves(block["text"])]
        deltas += [{"type": "citations_delta", "citation": each} for each in block.get("citations") or []]
    elif kind == "thinking":
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        deltas += [{"type": "thinking_delta", "thinking": piece} for piece in halves(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "tool_use":
        begun = {**block, "input": {}}
        pieces = halves(json.dumps(block["input"])) if block["input"] else []
        deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
    else:
        begun = block
    told = [("content_block_delta", {"delta": delta}) for delta in deltas]
    return [("content_block_start", {"content_block": begun}), *told, ("content_block_stop", {})]


def _message(said: Said) -> dict[str, Any]:
    return {"id": "msg_madeup01", "type": "message", "role": "assistant", "model": MODEL}


def _stop(said: Said) -> str:
    return "stop_sequence" if said.stop_sequence else _STOPS[said.finish]


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": said.signature})
    if said.redacted:
        blocks.append({"type": "redacted_thinking", "data": said.redacted})
    if said.text or said.refusal:
        block: dict[str, Any] = {"type": "text", "text": said.text or said.refusal}
        if said.source:
            block["citations"] = [_citation(said)]
        blocks.append(block)
    for tool in said.tools:
        blocks.append({"type": "tool_use", "id": tool.id, "name": tool.name, "input": json.loads(tool.arguments)})
    return blocks


def _citation(said: Said) -> dict[str, Any]:
    return {
        "type": "web_search_result_location",
        "url": said.source,
        "title": "Annals",
        "encrypted_index": "aW5kZXg=",
        "cited_text": said.text,
    }


def _usage(said: Said) -> dict[str, Any]:
    counted = said.usage
    return {
        "input_tokens": counted.input,
        "cache_read_input_tokens": counted.cache_read,
        "cache_creation_input_tokens": counted.cache_creation,
        "output_tokens": counted.output + counted.reasoning,
        "output_tokens_details": {"thinking_tokens": counted.reasoning},
    }
