"""Anthropic's Messages, and the clouds that carry them. https://docs.anthropic.com/en/api/messages

Vertex and Bedrock take the same body under other URLs: they build it with `render_messages`, which takes the caller's
own body where it is one of Anthropic's, and read answers, streams and errors with what stands here.
"""

from backends.providers.anthropic.adapter import AnthropicAdapter
from backends.providers.anthropic.errors import error_in_answer, read_error
from backends.providers.anthropic.events import MessageEvents
from backends.providers.anthropic.head import join_betas
from backends.providers.anthropic.relay import AnthropicStreamRelay
from backends.providers.anthropic.request import Rendered, render_body, render_messages
from backends.providers.anthropic.response import (
    MessageAnswer,
    read_answer,
    read_completion,
    read_count,
    read_message,
)
from backends.providers.anthropic.stream import AnthropicStreamDecoder
from backends.providers.anthropic.usage import find_usage, read_usage

__all__ = [
    "AnthropicAdapter",
    "AnthropicStreamDecoder",
    "AnthropicStreamRelay",
    "MessageAnswer",
    "MessageEvents",
    "Rendered",
    "error_in_answer",
    "find_usage",
    "join_betas",
    "read_answer",
    "read_completion",
    "read_count",
    "read_error",
    "read_message",
    "read_usage",
    "render_body",
    "render_messages",
]
