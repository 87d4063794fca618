"""Reranking without a model: documents that share more words with the query come first."""

from typing import Any

from backends.sandbox.fields import count, model_of, parse
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply, of_object
from backends.sandbox.tokens import count_tokens
from backends.sandbox.vectors import USUAL_DIMENSIONS, vector_of


def rank(raw: bytes, seed: int, number: int) -> Reply:
    """The reply to a body, in the form that Jina's, vLLM's and llama.cpp's have. Raises Refusal."""
    body = parse(raw)
    query, documents = body.get("query"), body.get("documents")
    if not isinstance(query, str) or not query:
        raise invalid("'query' must be a string.", "query")
    if not isinstance(documents, list) or not documents:
        raise invalid("'documents' must be a non-empty array.", "documents")
    texts = [_text(at, document) for at, document in enumerate(documents)]
    asked = vector_of(query, USUAL_DIMENSIONS)
    scores = [max(0.0, sum(map(float.__mul__, asked, vector_of(text, USUAL_DIMENSIONS)))) for text in texts]
    order = sorted(range(len(texts)), key=lambda at: (-scores[at], at))
    most = count(body, "top_n", 0)
    results: list[dict[str, Any]] = [{"index": at, "relevance_score": round(scores[at], 6)} for at in order[:most]]
    if body.get("return_documents") is True:
        results = [{**result, "document": {"text": texts[result["index"]]}} for result in results]
    read = count_tokens(query) * len(texts) + sum(map(count_tokens, texts))
    return of_object(
        {
            "object": "list",
            "id": f"rerank-sandbox-{seed}-{number}",
            "model": model_of(body),
            "results": results,
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def _text(at: int, document: Any) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise invalid("A document must be a string, or an object with a 'text'.", f"documents[{at}]")
    return text
