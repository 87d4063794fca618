"""The verbs of Converse, put together. No caller speaks it, so nothing passes through."""

from collections.abc import Mapping
from typing import Never

from backends.adapter import Completion
from backends.errors import BadAnswer, NotCarried, Refused
from backends.providers.bedrock.errors import read_error
from backends.providers.bedrock.request import render_body, render_head
from backends.providers.bedrock.response import read_completion
from backends.providers.bedrock.stream import BedrockStreamDecoder
from backends.types import AnswerKind, ChatRequest, Clocks, Target, UpstreamRequest, Usage


class BedrockAdapter:
    """Implements backends.adapter.Adapter: chats, of whatever maker's model."""

    def speaks(self, dialect: str, target: Target) -> bool:  # noqa: ARG002  the protocol's signature
        """Nobody's."""
        return False

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """Converse or ConverseStream; unsigned, unless the target has an API key."""
        if chat.answers is not AnswerKind.TEXT or "messages" not in chat.body:
            raise NotCarried("model", "Bedrock's Converse serves chats and nothing else.")
        url, headers = render_head(target, stream=chat.stream)
        body, dropped = render_body(chat, target.model)
        return UpstreamRequest("POST", url, headers, body, chat.stream, clocks.connect_s, dropped)

    def parse_response(self, chat: ChatRequest, body: bytes) -> Never:  # noqa: ARG002  the protocol's signature
        """Nothing passes through."""
        raise BadAnswer("no caller speaks this protocol")

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer in the common form."""
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

    def stream_decoder(self, chat: ChatRequest) -> BedrockStreamDecoder:
        """A fresh decoder for one attempt."""
        return BedrockStreamDecoder(chat)
