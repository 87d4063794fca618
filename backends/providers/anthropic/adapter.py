"""The verbs of Anthropic's Messages, put together."""

from collections.abc import Mapping
from types import MappingProxyType

from backends.adapter import Completion
from backends.errors import Refused
from backends.providers.anthropic.errors import read_error
from backends.providers.anthropic.head import render_head
from backends.providers.anthropic.relay import AnthropicStreamRelay
from backends.providers.anthropic.request import DIALECT, render_body, render_messages, written
from backends.providers.anthropic.response import MessageAnswer, read_answer, read_completion, read_count
from backends.providers.anthropic.stream import AnthropicStreamDecoder
from backends.providers.anthropic.usage import find_usage
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage

COUNT_DIALECT = "anthropic_count_tokens"
_PATHS: Mapping[str, str] = MappingProxyType({DIALECT: "messages", COUNT_DIALECT: "messages/count_tokens"})


class AnthropicAdapter:
    """Messages, and counting what they hold; callers who speak them get the bytes through, all others a translation."""

    def speaks(self, dialect: str, target: Target) -> bool:  # noqa: ARG002  the protocol's signature
        """Anthropic's two routes."""
        return dialect in _PATHS

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The caller's own bytes with the upstream's model name, or the common form in Anthropic's words."""
        path = _PATHS.get(chat.dialect)
        if path is not None:
            url, headers = render_head(target, path, chat.headers)
            return UpstreamRequest("POST", url, headers, render_body(chat, target.model), chat.stream, clocks.connect_s)
        rendered = render_messages(chat, target.model)
        url, headers = render_head(target, "messages", {}, rendered.betas)
        body = written(rendered.body)
        return UpstreamRequest("POST", url, headers, body, chat.stream, clocks.connect_s, rendered.dropped)

    def parse_response(self, chat: ChatRequest, body: bytes) -> MessageAnswer:
        """A whole answer; its bytes stay as they are."""
        return read_count(body) if chat.dialect == COUNT_DIALECT else read_answer(body)

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer, for callers who speak something else."""
        return read_completion(chat, body)

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage object, which stands at the end as a rule."""
        return find_usage(tail)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, classified by whose fault it is."""
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> AnthropicStreamRelay:  # noqa: ARG002
        """A fresh relay for one attempt."""
        return AnthropicStreamRelay(resumed=resumed)

    def stream_decoder(self, chat: ChatRequest) -> AnthropicStreamDecoder:
        """A fresh decoder for one attempt."""
        return AnthropicStreamDecoder(chat)
