"""The four verbs of OpenAI's protocol, put together."""

from collections.abc import Mapping

from backends.errors import Refused
from backends.providers.openai.errors import read_error
from backends.providers.openai.request import render_body, render_head
from backends.providers.openai.response import ChatAnswer, find_usage, read_answer
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class OpenAIAdapter:
    """Chat completions; bytes pass through both ways but for what must change."""

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The caller's own bytes with the upstream's model name, and usage asked for in streams."""
        url, headers = render_head(target)
        return UpstreamRequest("POST", url, headers, render_body(chat, target.model), chat.stream, clocks.connect_s)

    def parse_response(self, body: bytes) -> ChatAnswer:
        """A whole answer; its bytes stay as they are."""
        return read_answer(body)

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage object, which OpenAI and its like put at the end."""
        return find_usage(tail)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, classified by whose fault it is."""
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> OpenAIStreamRelay:
        """A fresh relay for one attempt."""
        return OpenAIStreamRelay(hide_usage=not chat.wants_usage, resumed=resumed)
