"""What the routes beside chat have in common: OpenAI's errors and streams, and bodies that are nobody's translation.

There is no common form for them: they go to targets that speak them, as bytes, and to adapters that say they do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.types import AnswerKind, ChatRequest, Usage
from gateway.dialects.base import StreamEncoder
from gateway.dialects.json_body import JsonBody, Types
from gateway.dialects.openai_errors import render_error
from gateway.errors import GatewayError


class OpenAIRoute:
    """Implements gateway.dialects.base.Dialect, but for `parse`."""

    name: str
    answers = AnswerKind.DATA
    """What is asked for there."""
    translatable = False
    """Some adapters whose protocol is another carry it; those that don't must refuse it (NotCarried)."""
    types: Types = MappingProxyType({})
    at_least: Mapping[str, int] = MappingProxyType({})

    def read(self, raw: bytes) -> JsonBody:
        """A JSON body, each known field of the right kind."""
        return JsonBody(raw, self.types, self.at_least)

    def asked(
        self,
        body: JsonBody,
        model: str,
        *,
        stream: bool = False,
        wants_usage: bool = False,
    ) -> ChatRequest:
        """The request, with what its fields say."""
        return ChatRequest(
            body.raw,
            body.fields,
            model,
            stream,
            wants_usage,
            body.plain,
            dialect=self.name,
            untranslated=self.untranslated,
            answers=self.answers,
        )

    @property
    def untranslated(self) -> tuple[str, str] | None:
        """What is said where no target speaks this. None: an adapter may know how to say it in its own protocol."""
        if self.translatable:
            return None
        return "model", f"This model's provider has no route for {self.name.removeprefix('openai_')}; name another one."

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:  # noqa: ARG002
        """An answer in this route's own shape."""
        if usage is None:
            return orjson.dumps(answer)
        counted = {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt + usage.completion}
        return orjson.dumps({**answer, "usage": counted})

    def stream_encoder(self, chat: ChatRequest) -> StreamEncoder:
        """Nobody asks: what is translated is never streamed."""
        raise NotImplementedError(f"streams of {chat.dialect} are not translated")

    def render_error(self, error: GatewayError) -> bytes:
        """OpenAI's error body."""
        return render_error(error)

    def stream_error(self, error: GatewayError) -> bytes:
        """A data event with the error object, and no `[DONE]` after it."""
        return b"data: " + render_error(error) + b"\n\n"

    def keep_alive(self) -> bytes:
        """A comment (WHATWG server-sent events: a line that starts with a colon)."""
        return b": headrace\n\n"
