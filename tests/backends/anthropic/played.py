"""What the tests of Anthropic's protocol share: fixtures, and a reading of the common form of their own."""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from backends.types import ChatRequest, Usage

FIXTURES = Path(__file__).parents[2] / "fixtures" / "anthropic"
WHOLE_STREAMS = sorted(path.name.removesuffix(".expected.json") for path in FIXTURES.glob("stream*.expected.json"))
ANSWERS = sorted(path.name.removesuffix(".expected.json") for path in FIXTURES.glob("unary*.expected.json"))
ERRORS = sorted(path.stem for path in FIXTURES.glob("error*.json"))


def stream(name: str) -> bytes:
    return (FIXTURES / f"{name}.sse").read_bytes()


def answer(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.expected.json").read_text())
    return found


def chat(body: Mapping[str, Any] | None = None, **more: Any) -> ChatRequest:
    body = body or {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    model = str(body.get("model", "m"))
    return ChatRequest(json.dumps(body).encode(), body, model, bool(body.get("stream")), False, **more)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def event_ends(data: bytes) -> list[int]:
    return [at + 2 for at in range(len(data)) if data[at : at + 2] == b"\n\n"]


def said_in_message(choice: Mapping[str, Any], tier: str | None, usage: Usage | None) -> dict[str, Any]:
    """One choice of a whole answer, in the shape of the `.expected.json` files."""
    message = choice["message"]
    details = message.get("reasoning_details", [])
    assert message.get("reasoning") == message.get("reasoning_content")
    assert all(detail["format"] == "anthropic-claude-v1" for detail in details)
    return {
        "content": message["content"],
        "reasoning": message.get("reasoning") or "",
        "tool_calls": [
            [call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])]
            for call in message.get("tool_calls", [])
        ],
        "signatures": [detail["signature"] for detail in details if detail.get("signature")],
        "encrypted": [detail["data"] for detail in details if detail["type"] == "reasoning.encrypted"],
        "annotations": message.get("annotations", []),
        "server_tool_blocks": message.get("server_tool_blocks", []),
        "refusal": message.get("refusal"),
        "stop_reason": choice.get("stop_reason"),
        "service_tier": tier,
        "finish_reason": choice["finish_reason"],
        "native": choice["native_finish_reason"],
        "usage": None if usage is None else list(usage),
    }


def said_in_chunks(chunks: Iterable[Mapping[str, Any]], usage: Usage | None) -> dict[str, Any]:
    """The same from a stream, put together as a client of OpenAI's does it."""
    message: dict[str, Any] = {"content": ""}
    choice: dict[str, Any] = {"message": message}
    tier = None
    for chunk in chunks:
        tier = chunk.get("service_tier", tier)
        assert chunk["object"] == "chat.completion.chunk"
        for said in chunk["choices"]:
            assert "finish_reason" not in choice, "nothing follows the finish"
            _add(message, said["delta"])
            if said["finish_reason"] is not None:
                choice.update({name: value for name, value in said.items() if name != "delta"})
    return said_in_message(choice, tier, usage)


def _add(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name in ("content", "reasoning", "reasoning_content", "refusal"):
        if delta.get(name) is not None:
            message[name] = message.get(name, "") + delta[name]
    for name in ("annotations", "server_tool_blocks", "reasoning_details"):
        message.setdefault(name, []).extend(delta.get(name, []))
    calls = message.setdefault("tool_calls", [])
    for piece in delta.get("tool_calls", []):
        if piece["index"] == len(calls):
            calls.append({"id": piece["id"], "function": {"name": piece["function"]["name"], "arguments": ""}})
        calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
