"""Embeddings: OpenAI's body as Cohere's v2/embed, and back. https://docs.cohere.com/reference/embed"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer, NotCarried
from backends.providers.cohere.response import read_object
from backends.providers.cohere.usage import read_billed
from backends.types import ChatRequest

DIALECT = "openai_embeddings"
_READ = frozenset(
    {"model", "input", "dimensions", "encoding_format", "input_type", "truncate", "models", "provider", "usage"}
)
_INPUT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "search_document": "search_document",
        "search_query": "search_query",
        "classification": "classification",
        "clustering": "clustering",
        "image": "image",
        # As others call them who tell queries from documents (Voyage, NVIDIA).
        "document": "search_document",
        "passage": "search_document",
        "query": "search_query",
    }
)
_MOST_TEXTS = 96


def render_embeddings(chat: ChatRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body, and what was left out of it. `encoding_format` is the dialect's to honour. Raises NotCarried.

    Cohere wants to know what the texts are for; a caller of OpenAI's who does not say has documents, as a rule.
    """
    body = chat.body
    rendered: dict[str, Any] = {
        "model": model,
        "texts": _texts(body.get("input")),
        "input_type": _input_type(body.get("input_type")),
        "embedding_types": ["float"],
    }
    if body.get("dimensions") is not None:
        rendered["output_dimension"] = body["dimensions"]
    if body.get("truncate") is not None:
        rendered["truncate"] = body["truncate"]
    dropped = tuple(name for name, value in body.items() if name not in _READ and value is not None)
    return orjson.dumps(rendered), dropped


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise NotCarried("input", "Cohere embeds texts, no tokens: send a string or an array of strings.")
    if len(texts) > _MOST_TEXTS:
        raise NotCarried(
            "input", f"Cohere embeds at most {_MOST_TEXTS} texts in one request, and these are {len(texts)}."
        )
    return texts


def _input_type(given: Any) -> str:
    if given is None:
        return "search_document"
    kind = _INPUT_TYPES.get(given) if isinstance(given, str) else None
    if kind is None:
        raise NotCarried("input_type", f"'input_type' must be one of {', '.join(_INPUT_TYPES)}.")
    return kind


def read_embeddings(chat: ChatRequest, body: bytes) -> Completion:
    """A list object of OpenAI's embeddings, without `usage`."""
    answer = read_object(body)
    found = answer.get("embeddings")
    vectors = found.get("float") if isinstance(found, dict) else None
    if not isinstance(vectors, list):
        raise BadAnswer("a success status, but no embeddings in the answer")
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return Completion({"object": "list", "data": data, "model": chat.model}, read_billed(answer.get("meta")))
