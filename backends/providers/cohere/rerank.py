"""Rankings: the body of Cohere and Jina as v2/rerank, and back. https://docs.cohere.com/reference/rerank"""

from collections.abc import Mapping
from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer, NotCarried
from backends.providers.cohere.response import read_object
from backends.providers.cohere.usage import read_billed
from backends.types import ChatRequest

DIALECT = "rerank"
_AS_THEY_ARE = ("max_tokens_per_doc", "priority")
_READ = frozenset(
    {*_AS_THEY_ARE, "model", "query", "documents", "top_n", "top_k", "return_documents", "models", "provider", "usage"}
)


def render_rerank(chat: ChatRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body, and what was left out of it. Raises NotCarried."""
    body = chat.body
    rendered: dict[str, Any] = {
        "model": model,
        "query": _text(body.get("query"), "query"),
        "documents": [_text(one, f"documents[{index}]") for index, one in enumerate(body.get("documents") or ())],
    }
    most = body.get("top_n", body.get("top_k"))
    if most:
        rendered["top_n"] = most
    rendered.update({name: body[name] for name in _AS_THEY_ARE if body.get(name) is not None})
    dropped = tuple(name for name, value in body.items() if name not in _READ and value is not None)
    return orjson.dumps(rendered), dropped


def _text(given: Any, where: str) -> str:
    """v2 compares strings; it asks for structured documents to be written as YAML, which JSON is."""
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping) and not {"image", "image_url"} & given.keys():
        text = given.get("text")
        if isinstance(text, str) and given.keys() <= {"text", "type", "id"}:
            return text
        return orjson.dumps(dict(given)).decode()
    raise NotCarried(where, "Cohere ranks texts.")


def read_rerank(chat: ChatRequest, body: bytes) -> Completion:
    """`results` as they came; v2 no longer repeats the documents, so who asked for them gets his own."""
    answer = read_object(body)
    results = answer.get("results")
    if not isinstance(results, list):
        raise BadAnswer("a success status, but no results in the answer")
    documents = chat.body.get("documents")
    if chat.body.get("return_documents") is True and isinstance(documents, list):
        results = [_with_document(result, documents) for result in results]
    kept: dict[str, Any] = {name: answer[name] for name in ("id", "meta") if name in answer}
    return Completion({"model": chat.model, **kept, "results": results}, read_billed(answer.get("meta")))


def _with_document(result: Any, documents: list[Any]) -> Any:
    index = result.get("index") if isinstance(result, dict) else None
    if type(index) is not int or not 0 <= index < len(documents):
        return result
    document = documents[index]
    return {**result, "document": {"text": document} if isinstance(document, str) else document}
