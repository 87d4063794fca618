"""Embeddings on Vertex, which are a prediction. https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api"""

from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.gemini.embeddings import dropped_fields, embedding_list, texts_of
from backends.providers.gemini.response import read_object
from backends.types import ChatRequest, Usage


def render_embeddings(chat: ChatRequest) -> tuple[bytes, tuple[str, ...]]:
    """The body, and what was left out of it. Raises NotCarried."""
    body: dict[str, Any] = {"instances": [{"content": text} for text in texts_of(chat.body)]}
    if chat.body.get("dimensions") is not None:
        body["parameters"] = {"outputDimensionality": chat.body["dimensions"]}
    return orjson.dumps(body), dropped_fields(chat.body)


def read_embeddings(chat: ChatRequest, body: bytes) -> Completion:
    """An object of OpenAI's embeddings, without `usage`."""
    predictions = read_object(body).get("predictions")
    try:
        found = [prediction["embeddings"] for prediction in predictions or ()]
        vectors = [entry["values"] for entry in found]
        counts = [entry.get("statistics", {}).get("token_count") for entry in found]
    except (AttributeError, KeyError, TypeError) as error:
        raise BadAnswer("a success status, but no embeddings in the answer") from error
    if not vectors:
        raise BadAnswer("a success status, but no embeddings in the answer")
    counted = all(type(count) is int for count in counts)
    return Completion(embedding_list(chat.model, vectors), Usage(input=sum(counts)) if counted else None)
