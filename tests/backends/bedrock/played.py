"""Fixtures of Bedrock's, and its framing written down independently of the decoder that is tested."""

import json
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from backends.types import ChatRequest, Target

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bedrock"
BASE_URL = "https://bedrock-runtime.eu-west-1.amazonaws.com"


def named(kind: str) -> list[str]:
    return sorted(path.stem for path in FIXTURES.glob(f"{kind}_*.json"))


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def target(model: str, **more: Any) -> Target:
    return Target("bedrock", "bedrock", model, BASE_URL, "bedrock-runtime.eu-west-1.amazonaws.com:443", **more)


def asked(body: dict[str, Any] | None = None, *, stream: bool = False) -> ChatRequest:
    body = body or {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    return ChatRequest(json.dumps(body).encode(), body, "m", stream, wants_usage=True, created=1_700_000_000)


def header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def framed(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: Any) -> bytes:
    headers = header(":event-type", kind) + header(":content-type", "application/json")
    return framed(headers + header(":message-type", "event"), json.dumps(payload, ensure_ascii=False).encode())


def exception(kind: str, message: str) -> bytes:
    headers = header(":exception-type", kind) + header(":content-type", "application/json")
    return framed(headers + header(":message-type", "exception"), json.dumps({"message": message}).encode())


def frames(name: str) -> list[bytes]:
    return [event(kind, payload) for kind, payload in fixture(name)["events"]]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]
