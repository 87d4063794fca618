"""Embeddings without a model: each word pulls a text in a few directions, the same ones every time.

So texts that share words are near each other, which is as much as a search needs to be tried out.
"""

import hashlib
import re
import sys
from array import array
from base64 import b64encode
from itertools import islice
from math import sqrt
from typing import Any

from backends.sandbox.completion import prompts_of
from backends.sandbox.fields import count, model_of, parse
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply, of_object
from backends.sandbox.tokens import count_tokens

USUAL_DIMENSIONS = 256
MOST_DIMENSIONS = 8192
MOST_INPUTS = 2048
MOST_WORDS = 2048
"""Of one text; the rest pulls nowhere."""
_WORD = re.compile(r"\w+")
_PULLS = 8


def embed(raw: bytes, seed: int, number: int) -> Reply:
    """The reply to a body. Raises Refusal."""
    body = parse(raw)
    texts = inputs_of(body.get("input"))
    dimensions = count(body, "dimensions", 1, MOST_DIMENSIONS) or USUAL_DIMENSIONS
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise invalid("'encoding_format' must be 'float' or 'base64'.", "encoding_format")
    vectors = [vector_of(text, dimensions) for text in texts]
    read = sum(count_tokens(text) for text in texts)
    data: list[dict[str, Any]] = [
        {"object": "embedding", "index": at, "embedding": packed(vector) if encoding == "base64" else vector}
        for at, vector in enumerate(vectors)
    ]
    return of_object(
        {
            "object": "list",
            "id": f"embd-sandbox-{seed}-{number}",
            "data": data,
            "model": model_of(body),
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def inputs_of(given: Any) -> list[str]:
    """Texts, as for completions. OpenAI refuses empty ones."""
    if given in (None, "", []):
        raise invalid("'input' must be a string, or an array of strings or tokens.", "input")
    texts = prompts_of(given)
    if "" in texts or len(texts) > MOST_INPUTS:
        raise invalid(f"'input' must hold 1 to {MOST_INPUTS} texts, none of them empty.", "input")
    return texts


def vector_of(text: str, dimensions: int) -> list[float]:
    """A unit vector."""
    vector = [0.0] * dimensions
    for word in islice(_WORD.findall(text.lower()) or [text], MOST_WORDS):
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4 * _PULLS).digest()
        for at in range(0, 4 * _PULLS, 4):
            pull = int.from_bytes(digest[at : at + 4], "big")
            vector[(pull >> 1) % dimensions] += 1.0 if pull & 1 else -1.0
    length = sqrt(sum(x * x for x in vector))
    if not length:  # the pulls of few dimensions may cancel each other out
        vector[0] = length = 1.0
    return [x / length for x in vector]


def packed(vector: list[float]) -> str:
    """As OpenAI packs embeddings: little-endian floats of four bytes, in base64."""
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode("ascii")
