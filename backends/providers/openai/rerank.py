"""Reranking: documents in the order of their relevance to a query. OpenAI has no such route; those who speak its
protocol share Cohere's and Jina's form of it.

https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc#tag/rerank,
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#re-rank-api
"""

from typing import Any

from backends.errors import BadAnswer
from backends.providers.openai.passing import PassedAnswer, read_input_usage, read_object
from backends.types import Usage


def read_rerank(body: bytes) -> PassedAnswer:
    """Read a 200's body: `results`, or `data` as Voyage has it. Raises BadAnswer for what is no ranking."""
    answer = read_object(body)
    if not isinstance(answer.get("results", answer.get("data")), list):
        raise BadAnswer("a success status, but no results in the answer")
    return PassedAnswer(body, read_rerank_usage(answer))


def read_rerank_usage(answer: dict[str, Any]) -> Usage | None:
    """Tokens from `usage`, or from Cohere's `meta.tokens`. Cohere's `search_units` are no tokens: a price per request
    stands for them."""
    usage = read_input_usage(answer.get("usage"))
    meta = answer.get("meta")
    return usage if usage is not None or not isinstance(meta, dict) else read_input_usage(meta.get("tokens"))
