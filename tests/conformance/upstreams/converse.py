"""Bedrock's Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

import base64
import binascii
import json
import struct
from typing import Any

from tests.conformance.said import Said, halves

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "guardrail_intervened",
}


def whole(said: Said) -> bytes:
    """A ConverseResponse."""
    message = {"role": "assistant", "content": _blocks(said)}
    return json.dumps(
        {"output": {"message": message}, "stopReason": _stop(said), "usage": _usage(said), "metrics": {"latencyMs": 5}}
    ).encode()


def stream(said: Said) -> bytes:
    """Its frames; usage comes after the stop, and every event is padded."""
    frames = [frame("messageStart", {"role": "assistant"})]
    for index, block in enumerate(_blocks(said)):
        frames += [frame(kind, {"contentBlockIndex": index, **rest}) for kind, rest in _told(block)]
    frames.append(frame("messageStop", {"stopReason": _stop(said)}))
    frames.append(frame("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 5}}))
    return b"".join(frames)


def frame(kind: str, event: dict[str, Any]) -> bytes:
    """One message of an AWS event stream."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message_of(headers, json.dumps({**event, "p": "abcdef"}).encode())


def message_of(headers: dict[str, str], payload: bytes) -> bytes:
    """Lengths, their checksum, headers, payload, the checksum of it all."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + head + payload
    return message + struct.pack(">I", binascii.crc32(message))


def _told(block: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Only tools have a start."""
    told: list[tuple[str, dict[str, Any]]] = []
    deltas: list[dict[str, Any]] = []
    if "toolUse" in block:
        tool = block["toolUse"]
        told.append(
            ("contentBlockStart", {"start": {"toolUse": {"toolUseId": tool["toolUseId"], "name": tool["name"]}}})
        )
        pieces = halves(json.dumps(tool["input"])) if tool["input"] else []
        deltas += [{"toolUse": {"input": piece}} for piece in pieces]
    elif "reasoningContent" in block:
        thought = block["reasoningContent"]
        if "redactedContent" in thought:
            deltas.append({"reasoningContent": thought})
        else:
            deltas += [{"reasoningContent": {"text": piece}} for piece in halves(thought["reasoningText"]["text"])]
            deltas.append({"reasoningContent": {"signature": thought["reasoningText"]["signature"]}})
    elif "citationsContent" in block:
        deltas += [{"text": piece} for piece in halves(block["citationsContent"]["content"][0]["text"])]
        deltas += [{"citation": each} for each in block["citationsContent"]["citations"]]
    else:
        deltas += [{"text": piece} for piece in halves(block["text"])]
    told += [("contentBlockDelta", {"delta": delta}) for delta in deltas]
    return [*told, ("contentBlockStop", {})]


def _stop(said: Said) -> str:
    return "stop_sequence" if said.stop_sequence else _STOPS[said.finish]


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.reasoning:
        thought = {"text": said.reasoning, "signature": said.signature}
        blocks.append({"reasoningContent": {"reasoningText": thought}})
    if said.redacted:
        blob = base64.b64encode(said.redacted.encode()).decode()
        blocks.append({"reasoningContent": {"redactedContent": blob}})
    if said.source:
        cited = {"title": "Annals", "location": {"web": {"url": said.source}}, "sourceContent": [{"text": said.text}]}
        blocks.append({"citationsContent": {"content": [{"text": said.text}], "citations": [cited]}})
    elif said.text or said.refusal:
        blocks.append({"text": said.text or said.refusal})
    for tool in said.tools:
        use = {"toolUseId": tool.id, "name": tool.name, "input": json.loads(tool.arguments)}
        blocks.append({"toolUse": use})
    return blocks


def _usage(said: Said) -> dict[str, Any]:
    counted = said.usage
    return {
        "inputTokens": counted.input,
        "cacheReadInputTokens": counted.cache_read,
        "cacheReadInputTokenCount": counted.cache_read,
        "cacheWriteInputTokens": counted.cache_creation,
        "cacheWriteInputTokenCount": counted.cache_creation,
        "outputTokens": counted.output + counted.reasoning,
        "totalTokens": sum(counted),
    }
