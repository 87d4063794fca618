"""Cohere's v2 API: chat, embeddings, rerank. https://docs.cohere.com/reference/about"""

from backends.providers.cohere.adapter import CohereAdapter

__all__ = ["CohereAdapter"]
