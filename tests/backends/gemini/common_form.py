"""What a chunk list or a message of the common form says, gathered as a client would: to hold against a fixture."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from backends.adapter import Completion, StreamDecoder
from backends.types import ChatRequest, Chunk, Usage

FIXTURES = Path(__file__).parents[2] / "fixtures"


def chat(body: Mapping[str, Any] | None = None, *, stream: bool = False, **more: Any) -> ChatRequest:
    return ChatRequest(b"{}", body or {"messages": []}, "asked-for", stream, False, created=1_700_000_000, **more)


def expected(place: Path) -> dict[str, Any]:
    return dict(json.loads(place.with_name(f"{place.name.split('.')[0]}.expected.json").read_text()))


def play(decoder: StreamDecoder, pieces: Iterable[bytes]) -> list[Chunk]:
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += decoder.feed(piece)
    return [*chunks, *decoder.close()]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def gathered(chunks: Sequence[Chunk]) -> dict[str, Any]:
    """The message that a client makes of a stream."""
    message: dict[str, Any] = {"content": "", "reasoning": "", "tool_calls": [], "reasoning_details": []}
    finish: dict[str, Any] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning"] += delta.get("reasoning") or ""
            for name in ("tool_calls", "reasoning_details", "annotations"):
                message.setdefault(name, []).extend(delta.get(name, ()))
            if choice["finish_reason"]:
                finish = choice
    return {"message": message, **{name: finish.get(name) for name in ("finish_reason", "native_finish_reason")}}


def said(choice: Mapping[str, Any], usage: Usage | None) -> dict[str, Any]:
    """In the shape of the expectations beside the fixtures."""
    message = choice["message"]
    details = message.get("reasoning_details", ())
    content = message["content"] or ""
    heard = {
        "content": content,
        "reasoning": message.get("reasoning") or "",
        "tool_calls": [
            [call["function"]["name"], json.loads(call["function"]["arguments"])]
            for call in message.get("tool_calls", ())
        ],
        "signatures": [seal for detail in details if (seal := detail.get("signature") or detail.get("data"))],
        "finish_reason": choice["finish_reason"],
        "native_finish_reason": choice["native_finish_reason"],
        "usage": list(usage) if usage is not None else None,
    }
    places = [note["url_citation"] for note in message.get("annotations", ()) if note["type"] == "url_citation"]
    if places:
        heard["cited"] = [content[place["start_index"] : place["end_index"]] for place in places]
    return heard


def said_by(completion: Completion) -> dict[str, Any]:
    return said(completion.answer["choices"][0], completion.usage)
