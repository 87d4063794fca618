"""Fixtures of Cohere's, and what it takes to play them."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from backends.types import ChatRequest, Target

FIXTURES = Path(__file__).parents[2] / "fixtures" / "cohere"


def named(kind: str) -> list[str]:
    return sorted(path.stem for path in FIXTURES.glob(f"{kind}_*.json"))


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def stream(name: str) -> bytes:
    return (FIXTURES / f"{name}.sse").read_bytes()


def target(model: str = "command-a-03-2025") -> Target:
    return Target("cohere", "cohere", model, "https://api.cohere.com", "api.cohere.com:443", api_key="co-key")


def asked(body: dict[str, Any] | None = None, *, dialect: str = "openai_chat", stream: bool = False) -> ChatRequest:
    body = body or {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    raw = json.dumps(body).encode()
    return ChatRequest(raw, body, "m", stream, wants_usage=True, dialect=dialect, created=1_700_000_000)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]
