"""Embeddings: OpenAI's body as batchEmbedContents, and back. https://ai.google.dev/api/embeddings"""

from collections.abc import Mapping
from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer, NotCarried
from backends.providers.gemini.response import read_object
from backends.types import ChatRequest, Usage

_READ = frozenset({"model", "input", "dimensions", "encoding_format", "models", "provider", "usage"})


def render_embeddings(chat: ChatRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body, and what was left out of it. `encoding_format` is the dialect's to honour. Raises NotCarried."""
    name = model if "/" in model else f"models/{model}"
    size = chat.body.get("dimensions")
    requests: list[dict[str, Any]] = []
    for text in texts_of(chat.body):
        request: dict[str, Any] = {"model": name, "content": {"parts": [{"text": text}]}}
        if size is not None:
            request["outputDimensionality"] = size
        requests.append(request)
    return orjson.dumps({"requests": requests}), dropped_fields(chat.body)


def dropped_fields(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What an embedding here has no use for."""
    return tuple(field for field, value in body.items() if field not in _READ and value is not None)


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """OpenAI's `input`: a text or several. Tokens are some tokenizer's, which is not this provider's."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise NotCarried("input", "This provider embeds texts: a string or an array of strings.")
    return texts


def read_embeddings(chat: ChatRequest, body: bytes) -> Completion:
    """An object of OpenAI's embeddings, without `usage`; newer models count their tokens."""
    answer = read_object(body)
    found = answer.get("embeddings")
    if not isinstance(found, list) or not all(isinstance(entry, dict) and "values" in entry for entry in found):
        raise BadAnswer("a success status, but no embeddings in the answer")
    usage = answer.get("usageMetadata")
    count = usage.get("promptTokenCount") if isinstance(usage, dict) else None
    return Completion(
        embedding_list(chat.model, [entry["values"] for entry in found]),
        Usage(input=count) if type(count) is int else None,
    )


def embedding_list(model: str, vectors: list[Any]) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/embeddings/create"""
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": model}
