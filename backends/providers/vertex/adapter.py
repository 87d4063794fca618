"""The verbs for Vertex, whose models speak two protocols: Gemini its own, Claude Anthropic's Messages.

The token is not the adapter's: it expires, so it comes from backends/credentials, unless a ready one is given.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from backends.adapter import Completion, StreamDecoder
from backends.errors import Refused
from backends.providers import anthropic, gemini
from backends.providers.vertex import claude
from backends.providers.vertex.address import is_claude, publisher_of
from backends.providers.vertex.embeddings import read_embeddings, render_embeddings
from backends.providers.vertex.sniff import SniffingDecoder, is_anthropics
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage

_SURFACE = gemini.Surface(ids=False, tiers=False)


class VertexAdapter:
    """Implements backends.adapter.Adapter. A target's `base_url` ends with its location (address.location_url)."""

    def speaks(self, dialect: str, target: Target) -> bool:
        """Anthropic's two routes, where the model is Claude."""
        return dialect in (claude.MESSAGES, claude.COUNT) and is_claude(target.model)

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """In the words of the model's own protocol."""
        headers = _headers(target)
        if target.model.startswith("endpoints/"):  # a tuned Gemini
            return _ask_gemini(chat, target.base_url, target.model, headers, clocks)
        publisher, model = publisher_of(target.model)
        if publisher == "anthropic":
            return claude.build_request(chat, target, model, headers, clocks)
        models = f"{target.base_url}/publishers/google/models"
        if chat.dialect == "openai_embeddings":
            body, dropped = render_embeddings(chat)
            url = gemini.method_url(models, model, "predict")
            return UpstreamRequest("POST", url, headers, body, False, clocks.connect_s, dropped)
        return _ask_gemini(chat, models, model, headers, clocks)

    def parse_response(self, chat: ChatRequest, body: bytes) -> anthropic.MessageAnswer:
        """A whole answer that passes through: Claude's."""
        return anthropic.read_count(body) if chat.dialect == claude.COUNT else anthropic.read_answer(body)

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer in the common form."""
        if chat.dialect == "openai_embeddings":
            return read_embeddings(chat, body)
        return anthropic.read_completion(chat, body) if is_anthropics(body) else gemini.read_completion(chat, body)

    def usage_in(self, tail: bytes) -> Usage | None:
        """Of an answer that passed through: Claude's."""
        return anthropic.find_usage(tail)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer: the model's, in its protocol, or Google's own."""
        read_error = anthropic.read_error if is_anthropics(body) else gemini.read_error
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> anthropic.AnthropicStreamRelay:  # noqa: ARG002
        """A fresh relay for one attempt whose bytes pass through: Claude's."""
        return anthropic.AnthropicStreamRelay(resumed=resumed)

    def stream_decoder(self, chat: ChatRequest) -> StreamDecoder:
        """A fresh decoder for one attempt."""
        return SniffingDecoder(lambda: anthropic.AnthropicStreamDecoder(chat), lambda: gemini.GeminiStreamDecoder(chat))


def _ask_gemini(
    chat: ChatRequest, models: str, model: str, headers: Mapping[str, str], clocks: Clocks
) -> UpstreamRequest:
    url = gemini.method_url(models, model, "streamGenerateContent" if chat.stream else "generateContent")
    rendered = gemini.render_chat(chat, model, _SURFACE)
    if chat.stream:
        url += "?alt=sse"
    return UpstreamRequest("POST", url, headers, rendered.body, chat.stream, clocks.connect_s, rendered.dropped)


@lru_cache(maxsize=4096)
def _headers(target: Target) -> Mapping[str, str]:
    """Of every request to this target, made once; with a ready token where one is given."""
    headers = {
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        **dict(target.headers),
    }
    if target.api_key:
        headers["authorization"] = f"Bearer {target.api_key}"
    return MappingProxyType(headers)
