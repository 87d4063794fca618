"""Counting the tokens of a request before it is sent. https://docs.anthropic.com/en/api/messages-count-tokens

Anthropic counts for its own models. Nobody else has this route, so for other targets the gateway estimates, from the
length of what the model would read: English text and JSON have about four bytes to a token in the vocabularies of today
(in recorded requests to Qwen and GPT 0.21 to 0.23 tokens a byte), other languages more tokens to a character, which
UTF-8 spends more bytes on. Long prompts come out right to about a quarter. What a provider adds by itself is not seen
here: some tell the model twice as much about its tools as the caller did. The answer says that it is an estimate
(`x-headrace-estimated`).
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from backends.types import BYTES_PER_TOKEN, AnswerKind, ChatRequest, Usage
from gateway.dialects.anthropic_errors import event_of_error, render_error
from gateway.dialects.anthropic_messages import read_request
from gateway.dialects.anthropic_stream import PING
from gateway.errors import GatewayError

_OF_A_MESSAGE = 4
"""What a chat template puts around one."""
_OF_TOOLS = 120
"""How to call them, as Qwen3's template tells it."""
_OF_AN_IMAGE = 1_500
"""About a megapixel. https://docs.anthropic.com/en/docs/build-with-claude/vision#evaluate-image-size"""
_OF_A_FILE = 3_000
"""About two pages. https://docs.anthropic.com/en/docs/build-with-claude/pdf-support#estimate-your-costs"""
_PARTS = {"image_url": _OF_AN_IMAGE, "file": _OF_A_FILE}


class AnthropicCountTokens:
    """Implements gateway.dialects.base.Dialect."""

    name = "anthropic_count_tokens"

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        """A body of Messages without `max_tokens`. Raises InvalidRequest."""
        chat = read_request(self.name, body, headers, counts=True)._replace(answers=AnswerKind.DATA)
        if chat.untranslated is not None:  # what can't be asked need not be counted
            return chat
        return chat._replace(own_answer=orjson.dumps({"input_tokens": estimate(chat.body)}))

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> NoReturn:
        """Nobody asks: where Anthropic's bytes don't pass, the answer is ours (`own_answer`)."""
        raise NotImplementedError(f"an answer of {chat.dialect} is not translated")

    def stream_encoder(self, chat: ChatRequest) -> NoReturn:
        """Nobody asks: a count is not streamed."""
        raise NotImplementedError(f"an answer of {chat.dialect} is not streamed")

    def render_error(self, error: GatewayError) -> bytes:
        """Anthropic's error body."""
        return render_error(error)

    def stream_error(self, error: GatewayError) -> bytes:
        """An `error` event."""
        return event_of_error(error)

    def keep_alive(self) -> bytes:
        """A `ping` event."""
        return PING


def estimate(body: Mapping[str, Any]) -> int:
    """Tokens that a model reads of this chat, about."""
    size = tokens = 0
    for message in body["messages"]:
        tokens += _OF_A_MESSAGE
        content = message.get("content")
        if isinstance(content, str):
            size += _length(content)
        else:
            for part in content or ():
                size += _length(part.get("text"))
                tokens += _PARTS.get(part["type"], 0)
        for call in message.get("tool_calls") or ():
            size += _length(call["function"]["name"]) + _length(call["function"]["arguments"])
    if body.get("tools"):
        size += len(orjson.dumps(body["tools"]))
        tokens += _OF_TOOLS
    return max(1, tokens + -(-size // BYTES_PER_TOKEN))


def _length(text: Any) -> int:
    return len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else 0
