"""Anthropic's Messages, as callers send them, to any model. https://docs.anthropic.com/en/api/messages

The files beside this one are a request's and an answer's parts: anthropic_request.py (with content, blocks, tools and
thinking), anthropic_answer.py, anthropic_stream.py, anthropic_errors.py, anthropic_seal.py.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.types import ChatRequest, Usage
from gateway.dialects.anthropic_answer import render_message
from gateway.dialects.anthropic_errors import event_of_error, render_error
from gateway.dialects.anthropic_request import translate
from gateway.dialects.anthropic_seal import holds_seals, without_seals
from gateway.dialects.anthropic_stream import PING, MessageEncoder
from gateway.dialects.json_body import JsonBody, Types
from gateway.errors import GatewayError

_HEADERS = ("anthropic-version", "anthropic-beta")
_UNCHECKED: Types = MappingProxyType({})  # the fields are checked in Anthropic's own words


class AnthropicMessages:
    """Implements gateway.dialects.base.Dialect."""

    name = "anthropic_messages"

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        """The caller's body as a ChatRequest. Raises InvalidRequest (`invalid_json`, `invalid_request`)."""
        return read_request(self.name, body, headers)

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
        """A message."""
        return render_message(chat, answer, usage)

    def stream_encoder(self, chat: ChatRequest) -> MessageEncoder:
        """A fresh encoder for one streamed answer."""
        return MessageEncoder(chat)

    def render_error(self, error: GatewayError) -> bytes:
        """Anthropic's error body."""
        return render_error(error)

    def stream_error(self, error: GatewayError) -> bytes:
        """An `error` event, and no `message_stop` after it."""
        return event_of_error(error)

    def keep_alive(self) -> bytes:
        """A `ping` event. https://docs.anthropic.com/en/docs/build-with-claude/streaming#ping-events"""
        return PING


def read_request(dialect: str, raw: bytes, headers: Mapping[str, str], *, counts: bool = False) -> ChatRequest:
    """A body of Messages, or of its sister that counts tokens."""
    read = JsonBody(raw, _UNCHECKED, {})
    native, plain = read.fields, read.plain
    made = translate(native, counts=counts)
    untranslated = made.untranslated
    if not plain and untranslated is None and _is_too_deep(made.body):
        untranslated = ("messages", "The body is nested too deeply to be translated.")
    if holds_seals(raw):  # Anthropic would refuse what it never signed
        native = without_seals(native)
        raw, plain = orjson.dumps(native), True
    return ChatRequest(
        raw,
        made.body,
        native["model"],
        native.get("stream") is True and not counts,
        wants_usage=False,
        plain=plain,
        dialect=dialect,
        native=native,
        headers={name: value for name in _HEADERS if (value := headers.get(name)) is not None},
        untranslated=untranslated,
        ignored=made.ignored,
    )


def _is_too_deep(body: dict[str, Any]) -> bool:
    """orjson reads deeper nesting than it writes."""
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError:
        return True
    return False
