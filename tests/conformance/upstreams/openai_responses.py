"""OpenAI's responses. https://platform.openai.com/docs/api-reference/responses-streaming"""

import json
from typing import Any

from tests.conformance.said import MODEL, Said, halves


def whole(said: Said) -> bytes:
    """A response object."""
    return json.dumps(_response(said)).encode()


def stream(said: Said) -> bytes:
    """The events that tell of it, numbered."""
    response = _response(said)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(response["output"]):
        events.append({"type": "response.output_item.added", "output_index": index, "item": _empty(item)})
        events += [{**event, "output_index": index, "item_id": item["id"]} for event in _told(item)]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{response['status']}", "response": response})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def _empty(item: dict[str, Any]) -> dict[str, Any]:
    """As it begins."""
    parts = {"message": "content", "reasoning": "summary", "function_call": "arguments"}
    name = parts[item["type"]]
    return {**item, name: type(item[name])(), **({"status": "in_progress"} if "status" in item else {})}


def _told(item: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes between the beginning and the end of an item."""
    if item["type"] == "function_call":
        kind, whole = "response.function_call_arguments", {"arguments": item["arguments"]}
        return [
            *({"type": f"{kind}.delta", "delta": d} for d in halves(item["arguments"])),
            {"type": f"{kind}.done", **whole},
        ]
    if item["type"] == "message":
        return [
            event
            for number, part in enumerate(item["content"])
            for event in _part_told(part, {"content_index": number})
        ]
    return []


def _part_told(part: dict[str, Any], place: dict[str, int]) -> list[dict[str, Any]]:
    field = "refusal" if part["type"] == "refusal" else "text"
    kind = f"response.{part['type']}"
    return [
        {"type": "response.content_part.added", **place, "part": {**part, field: ""}},
        *({"type": f"{kind}.delta", **place, "delta": piece, "logprobs": []} for piece in halves(part[field])),
        {"type": f"{kind}.done", **place, field: part[field], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
    ]


def _response(said: Said) -> dict[str, Any]:
    cut = said.finish == "length"
    return {
        "id": "resp_madeup",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "model": MODEL,
        "output": _items(said),
        "usage": _usage(said),
    }


def _items(said: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.reasoning:
        summary = [{"type": "summary_text", "text": said.reasoning}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": said.signature})
    if said.text or said.refusal:
        annotations = []
        if said.source:
            cited = {"url": said.source, "title": "Annals", "start_index": 0, "end_index": len(said.text)}
            annotations.append({"type": "url_citation", **cited})
        part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": annotations}
        if said.refusal:
            part = {"type": "refusal", "refusal": said.refusal}
        items.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]})
    for number, tool in enumerate(said.tools):
        call = {"call_id": tool.id, "name": tool.name, "arguments": tool.arguments, "status": "completed"}
        items.append({"type": "function_call", "id": f"fc_{number}", **call})
    return items


def _usage(said: Said) -> dict[str, Any]:
    counted = said.usage
    prompt = counted.input + counted.cache_read + counted.cache_creation
    completion = counted.output + counted.reasoning
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": counted.cache_read, "cache_write_tokens": counted.cache_creation},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning},
        "total_tokens": prompt + completion,
    }
