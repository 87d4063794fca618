"""The four verbs of OpenAI's protocol, put together."""

from collections.abc import Mapping

from backends.adapter import Completion
from backends.errors import Refused
from backends.providers.openai.decoder import OpenAIStreamDecoder
from backends.providers.openai.errors import read_error
from backends.providers.openai.request import render_body, render_head
from backends.providers.openai.response import ChatAnswer, find_usage, read_answer, read_completion
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class OpenAIAdapter:
    """Chat completions; bytes pass through both ways but for what must change."""

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The caller's own bytes with the upstream's model name, and usage asked for in streams."""
        url, headers = render_head(target)
        return UpstreamRequest("POST", url, headers, render_body(chat, target.model), chat.stream, clocks.connect_s)

    def speaks(self, dialect: str, target: Target) -> bool:
        """OpenAI's chat, and what this provider understands besides."""
        return dialect == "openai_chat" or dialect in target.quirks.dialects

    def parse_response(self, chat: ChatRequest, body: bytes) -> ChatAnswer:  # noqa: ARG002  the protocol's signature
        """A whole answer; its bytes stay as they are."""
        return read_answer(body)

    def read(self, chat: ChatRequest, body: bytes) -> Completion:  # noqa: ARG002  the protocol's signature
        """A whole answer, for callers who speak something else."""
        return read_completion(body)

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage object, which OpenAI and its like put at the end."""
        return find_usage(tail)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, classified by whose fault it is."""
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> OpenAIStreamRelay:
        """A fresh relay for one attempt."""
        return OpenAIStreamRelay(hide_usage=not chat.wants_usage, resumed=resumed)

    def stream_decoder(self, chat: ChatRequest) -> OpenAIStreamDecoder:  # noqa: ARG002  the protocol's signature
        """A fresh decoder for one attempt."""
        return OpenAIStreamDecoder()
