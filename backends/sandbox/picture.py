"""Pictures without a model: one pixel, of a colour that is the prompt's own."""

import hashlib
import struct
import zlib
from base64 import b64encode
from typing import Any

import orjson

from backends.sandbox.answer import LABEL
from backends.sandbox.fields import count, parse
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply, TypedEvents
from backends.sandbox.tokens import count_tokens

MOST_PICTURES = 10
PICTURE_TOKENS = 272
"""What OpenAI counts for the smallest of its pictures."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(raw: bytes) -> Reply:
    """The reply to a body. Raises Refusal."""
    body = parse(raw)
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise invalid("'prompt' must be a string.", "prompt")
    pictures = count(body, "n", 1, MOST_PICTURES) or 1
    encoded = b64encode(one_pixel(prompt)).decode("ascii")
    usage = _usage(prompt, pictures)
    shown = (
        {"url": f"data:image/png;base64,{encoded}"} if body.get("response_format") == "url" else {"b64_json": encoded}
    )
    data = [{**shown, "revised_prompt": f"{LABEL} You asked for: {prompt[:400]}"}] * pictures
    return Reply(
        1,
        lambda created: orjson.dumps({"created": created, "data": data, "output_format": "png", "usage": usage}),
        events=(lambda created: _events(encoded, created, usage)) if body.get("stream") is True else None,
    )


def one_pixel(prompt: str) -> bytes:
    """A PNG (https://www.w3.org/TR/png-3/): header, one row of one pixel in three bytes, end."""
    colour = hashlib.blake2b(prompt.encode("utf-8", "replace"), digest_size=3).digest()
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" + colour)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _usage(prompt: str, pictures: int) -> dict[str, Any]:
    read, drawn = count_tokens(prompt), PICTURE_TOKENS * pictures
    return {
        "input_tokens": read,
        "output_tokens": drawn,
        "total_tokens": read + drawn,
        "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
    }


def _events(encoded: str, created: int, usage: dict[str, Any]) -> TypedEvents:
    common = {
        "b64_json": encoded,
        "created_at": created,
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
    }
    partial = {"type": "image_generation.partial_image", **common, "partial_image_index": 0}
    return TypedEvents([partial], {"type": "image_generation.completed", **common, "usage": usage})
