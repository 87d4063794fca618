"""Cohere's chat, version 2. https://docs.cohere.com/reference/chat and /reference/chat-stream"""

import json
from typing import Any

from tests.conformance.said import Said, halves

_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}


def whole(said: Said) -> bytes:
    """A chat response. With tools, the text is the plan."""
    message: dict[str, Any] = {"role": "assistant", "content": []}
    if said.reasoning:
        message["content"].append({"type": "thinking", "thinking": said.reasoning})
    if said.text:
        message["content"].append({"type": "text", "text": said.text})
    if said.source:
        message["citations"] = [_citation(said)]
    if said.tools:
        message["tool_calls"] = [
            {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": tool.arguments}}
            for tool in said.tools
        ]
    answer = {"id": "made-up-chat", "finish_reason": _finish(said), "message": message, "usage": _usage(said)}
    return json.dumps(answer).encode()


def stream(said: Said) -> bytes:
    """Its events. In `tool-call-start`, `tool_calls` is an object."""
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "made-up-chat", "delta": {"message": {"role": "assistant", "content": []}}}
    ]
    index = 0
    for kind, text in (("thinking", said.reasoning), ("text", said.text)):
        if text:
            events.append(_content("content-start", index, {"type": kind, kind: ""}))
            events += [_content("content-delta", index, {kind: piece}) for piece in halves(text)]
            if kind == "text" and said.source:
                cited = {"message": {"citations": _citation(said)}}
                events.append({"type": "citation-start", "index": 0, "delta": cited})
                events.append({"type": "citation-end", "index": 0})
            events.append({"type": "content-end", "index": index})
            index += 1
    for number, tool in enumerate(said.tools):
        function = {"name": tool.name, "arguments": ""}
        call = {"id": tool.id, "type": "function", "function": function}
        events.append({"type": "tool-call-start", "index": number, "delta": {"message": {"tool_calls": call}}})
        for piece in halves(tool.arguments):
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            events.append({"type": "tool-call-delta", "index": number, "delta": delta})
        events.append({"type": "tool-call-end", "index": number})
    events.append({"type": "message-end", "delta": {"finish_reason": _finish(said), "usage": _usage(said)}})
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def _content(kind: str, index: int, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": {"content": content}}}


def _finish(said: Said) -> str:
    return "STOP_SEQUENCE" if said.stop_sequence else _FINISH[said.finish]


def _citation(said: Said) -> dict[str, Any]:
    source = {"type": "document", "id": "doc-1", "document": {"title": "Annals", "url": said.source}}
    return {"start": 0, "end": len(said.text), "text": said.text, "sources": [source], "type": "TEXT_CONTENT"}


def _usage(said: Said) -> dict[str, Any]:
    counted = said.usage
    prompt = counted.input + counted.cache_read + counted.cache_creation
    tokens = {"input_tokens": prompt, "output_tokens": counted.output + counted.reasoning}
    if counted.reasoning:
        tokens["reasoning_tokens"] = counted.reasoning
    return {"billed_units": dict(tokens), "tokens": tokens, "cached_tokens": counted.cache_read}
