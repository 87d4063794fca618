"""The verbs of Gemini's own protocol, put together. No caller speaks it, so nothing passes through."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Never

from backends.adapter import Completion
from backends.errors import BadAnswer, Refused
from backends.providers.gemini.embeddings import read_embeddings, render_embeddings
from backends.providers.gemini.errors import read_error
from backends.providers.gemini.request import method_url, render_chat
from backends.providers.gemini.response import read_completion
from backends.providers.gemini.stream import GeminiStreamDecoder
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class GeminiAdapter:
    """Implements backends.adapter.Adapter for Google AI Studio: generateContent, and embeddings."""

    def speaks(self, dialect: str, target: Target) -> bool:  # noqa: ARG002  the protocol's signature
        """Nobody's."""
        return False

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """From the common form. The model stands in the URL, the key in a header."""
        models, headers = _render_head(target)
        if chat.dialect == "openai_embeddings":
            url = method_url(models, target.model, "batchEmbedContents")
            body, dropped = render_embeddings(chat, target.model)
            return UpstreamRequest("POST", url, headers, body, False, clocks.connect_s, dropped)
        url = method_url(models, target.model, "streamGenerateContent" if chat.stream else "generateContent")
        rendered = render_chat(chat, target.model)
        if chat.stream:
            url += "?alt=sse"
        return UpstreamRequest("POST", url, headers, rendered.body, chat.stream, clocks.connect_s, rendered.dropped)

    def parse_response(self, chat: ChatRequest, body: bytes) -> Never:  # noqa: ARG002  the protocol's signature
        """Nothing passes through."""
        raise BadAnswer("no caller speaks this protocol")

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer in the common form."""
        if chat.dialect == "openai_embeddings":
            return read_embeddings(chat, body)
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

    def stream_decoder(self, chat: ChatRequest) -> GeminiStreamDecoder:
        """A fresh decoder for one attempt."""
        return GeminiStreamDecoder(chat)


@lru_cache(maxsize=4096)
def _render_head(target: Target) -> tuple[str, Mapping[str, str]]:
    """What comes before the model's name in URLs, and the headers of every request to this target, made once."""
    headers = {
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        **dict(target.headers),
    }
    if target.api_key:
        headers["x-goog-api-key"] = target.api_key
    models = target.model.startswith(("models/", "tunedModels/"))
    return f"{target.base_url}/v1beta{'' if models else '/models'}", MappingProxyType(headers)
