"""Reranking, as Cohere and Jina have it and vLLM, llama.cpp and others copy it; OpenAI has no such route.

https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc#tag/rerank
"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.types import ChatRequest
from gateway.dialects.json_body import LIST, SWITCH, WHOLE
from gateway.dialects.openai_route import OpenAIRoute
from gateway.errors import InvalidRequest


class Rerank(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect."""

    name = "rerank"
    translatable = True
    types = MappingProxyType({"documents": LIST, "top_n": WHOLE, "top_k": WHOLE, "return_documents": SWITCH})
    at_least = MappingProxyType({"top_n": 0, "top_k": 0})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body. A query, and a document, may be an object: a picture, say."""
        asked = self.read(body)
        model = asked.model()
        query = asked.require("query", "what the documents are compared with")
        if not isinstance(query, str | dict):
            raise InvalidRequest("'query' must be a string.", param="query")
        for index, document in enumerate(asked.require("documents", "an array of texts to put in order")):
            if not isinstance(document, str | dict):
                raise InvalidRequest("A document must be a string, or an object.", param=f"documents[{index}]")
        return self.asked(asked, model)
