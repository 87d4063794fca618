"""The verbs of Cohere's v2 API, put together. No caller speaks its chat, so nothing passes through."""

from collections.abc import Mapping
from typing import Never

from backends.adapter import Completion
from backends.errors import BadAnswer, NotCarried, Refused
from backends.providers.cohere import embeddings, rerank
from backends.providers.cohere.errors import read_error
from backends.providers.cohere.request import render_chat, render_head
from backends.providers.cohere.response import read_completion
from backends.providers.cohere.stream import CohereStreamDecoder
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class CohereAdapter:
    """Implements backends.adapter.Adapter: chat, embeddings, rerank."""

    def speaks(self, dialect: str, target: Target) -> bool:  # noqa: ARG002  the protocol's signature
        """Nobody's; its rankings are nearly the route's own, but for older fields."""
        return False

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """From the common form; from a route's own body where it is no chat."""
        if chat.dialect == embeddings.DIALECT:
            path, (body, dropped) = "v2/embed", embeddings.render_embeddings(chat, target.model)
        elif chat.dialect == rerank.DIALECT:
            path, (body, dropped) = "v2/rerank", rerank.render_rerank(chat, target.model)
        elif "messages" in chat.body:
            path, (body, dropped) = "v2/chat", render_chat(chat, target.model)
        else:
            raise NotCarried("model", "Cohere serves chats, embeddings and rankings, and nothing else.")
        url, headers = render_head(target, path)
        return UpstreamRequest("POST", url, headers, body, chat.stream, clocks.connect_s, dropped)

    def parse_response(self, chat: ChatRequest, body: bytes) -> Never:  # noqa: ARG002  the protocol's signature
        """Nothing passes through."""
        raise BadAnswer("no caller speaks this protocol")

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer in the common form, or in the route's own."""
        if chat.dialect == embeddings.DIALECT:
            return embeddings.read_embeddings(chat, body)
        if chat.dialect == rerank.DIALECT:
            return rerank.read_rerank(chat, body)
        return read_completion(chat, body)

    def usage_in(self, tail: bytes) -> Usage | None:  # noqa: ARG002  the protocol's signature
        """Only answers that pass through are ever too long to be held."""
        return None

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, classified by whose fault it is."""
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> Never:  # noqa: ARG002
        """Nothing passes through."""
        raise BadAnswer("no caller speaks this protocol")

    def stream_decoder(self, chat: ChatRequest) -> CohereStreamDecoder:
        """A fresh decoder for one attempt."""
        return CohereStreamDecoder(chat)
