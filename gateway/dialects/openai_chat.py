"""OpenAI's chat completions, as callers send them. https://platform.openai.com/docs/api-reference/chat/create

The body is checked by hand for what the gateway itself relies on, and for the mistakes that are cheap to name;
everything else is the upstream's to judge. Unknown fields are carried along.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

import orjson

from backends.types import ChatRequest, Chunk, Usage
from gateway.dialects.openai_errors import render_error
from gateway.errors import GatewayError, InvalidRequest

LONGEST_MODEL_NAME = 256
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_NUMBER = frozenset({int, float})
_TYPES: Mapping[str, tuple[frozenset[type], str]] = MappingProxyType(
    {
        "stream": (frozenset({bool}), "true or false"),
        "stream_options": (frozenset({dict}), "an object"),
        "max_tokens": (frozenset({int}), "a whole number"),
        "max_completion_tokens": (frozenset({int}), "a whole number"),
        "n": (frozenset({int}), "a whole number"),
        "temperature": (_NUMBER, "a number"),
        "top_p": (_NUMBER, "a number"),
        "tools": (frozenset({list}), "an array"),
        "stop": (frozenset({str, list}), "a string or an array of strings"),
        "response_format": (frozenset({dict}), "an object"),
        "user": (frozenset({str}), "a string"),
    }
)
_MOST_FIELDS_COUNTED = 64
_AT_LEAST_ONE = frozenset({"max_tokens", "max_completion_tokens", "n"})


class OpenAIChat:
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_chat"

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body as a ChatRequest. Raises InvalidRequest (`invalid_json`, `invalid_request`)."""
        chat = _object(body)
        model = chat.get("model")
        if type(model) is not str or not model:
            raise InvalidRequest("'model' must be a non-empty string: the name of a model.", param="model")
        if len(model) > LONGEST_MODEL_NAME:
            raise InvalidRequest(f"'model' is longer than {LONGEST_MODEL_NAME} characters.", param="model")
        _check_fields(chat)
        _check_messages(chat.get("messages"))
        plain = _is_plain(body, chat)
        if not plain:
            _refuse_duplicates(body, chat)
        options = chat.get("stream_options")
        wants_usage = options is not None and bool(options.get("include_usage"))
        return ChatRequest(body, chat, model, chat.get("stream") is True, wants_usage, plain)

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:  # noqa: ARG002
        """A chat completion."""
        return orjson.dumps({**answer, "usage": _usage(usage)} if usage is not None else answer)

    def stream_encoder(self, chat: ChatRequest) -> "ChunkEncoder":
        """A fresh encoder for one streamed answer."""
        return ChunkEncoder(wants_usage=chat.wants_usage)

    def render_error(self, error: GatewayError) -> bytes:
        """OpenAI's error body."""
        return render_error(error)

    def stream_error(self, error: GatewayError) -> bytes:
        """A data event with the error object, and no `[DONE]` after it."""
        return b"data: " + render_error(error) + b"\n\n"

    def keep_alive(self) -> bytes:
        """A comment (WHATWG server-sent events: a line that starts with a colon)."""
        return b": headrace\n\n"


class ChunkEncoder:
    """Implements gateway.dialects.base.StreamEncoder: the common form is this dialect's own."""

    __slots__ = ("_last", "_wants_usage")

    def __init__(self, *, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._last: Chunk = {}

    def encode(self, chunks: Sequence[Chunk]) -> bytes:
        """One event each."""
        if chunks:
            self._last = chunks[-1]
        return b"".join([b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks])

    def close(self, usage: Usage | None) -> bytes:
        """Usage in a chunk without choices, where the caller asked for it, and the terminator."""
        if not self._wants_usage or usage is None:
            return b"data: [DONE]\n\n"
        last = orjson.dumps({**self._last, "choices": [], "usage": _usage(usage)})
        return b"data: %b\n\ndata: [DONE]\n\n" % last


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_input},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        chat = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).", code="invalid_json"
        ) from error
    if type(chat) is not dict:
        raise InvalidRequest("The body must be a JSON object.")
    return chat


def _check_fields(chat: dict[str, Any]) -> None:
    for name, value in chat.items():
        check = _TYPES.get(name)
        if check is None or value is None:
            continue
        types, expected = check
        if type(value) not in types:
            raise InvalidRequest(f"'{name}' must be {expected}.", param=name)
        if name in _AT_LEAST_ONE and value < 1:
            raise InvalidRequest(f"'{name}' must be at least 1.", param=name)


def _check_messages(messages: Any) -> None:
    if type(messages) is not list or not messages:
        raise InvalidRequest("'messages' must be a non-empty array of messages.", param="messages")
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise InvalidRequest("A message must be an object.", param=f"messages[{index}]")
        role = message.get("role")
        if type(role) is not str or role not in _ROLES:
            raise InvalidRequest(f"'role' must be one of {', '.join(sorted(_ROLES))}.", param=f"messages[{index}].role")
        content = message.get("content")
        if content is not None and type(content) is not str and type(content) is not list:
            raise InvalidRequest(
                "'content' must be a string, an array of parts, or null.", param=f"messages[{index}].content"
            )


def _is_plain(body: bytes, chat: dict[str, Any]) -> bool:
    """Whether orjson gives the body back to the byte, as it does for what the official clients write.

    Then no field stood twice anywhere, since orjson would have dropped one; for less than a search of a long body.
    """
    try:
        return orjson.dumps(chat) == body
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return False


def _refuse_duplicates(body: bytes, chat: dict[str, Any]) -> None:
    """A field given twice is a mistake, or somebody hoping that we judge one and the upstream obeys the other.

    orjson keeps the last one silently. Counting names errs only towards the exact check behind it.
    """
    messages = len(chat["messages"])
    if (
        len(chat) > _MOST_FIELDS_COUNTED
        or body.count(b'"role"') > messages
        or body.count(b'"content"') > messages
        or b"\\u00" in body
        or _names_twice(body, chat)
    ):
        try:
            json.loads(body, object_pairs_hook=_no_duplicates)
        except RecursionError as error:
            raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from error


def _names_twice(body: bytes, chat: dict[str, Any]) -> bool:
    return any(body.count(b'"' + name.encode() + b'"') > 1 for name in chat)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        _name_duplicate(pairs)
    return fields


def _name_duplicate(pairs: list[tuple[str, Any]]) -> NoReturn:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequest(
                f"The field '{name[:100]}' stands twice in one object.", code="invalid_json", param=name[:100]
            )
        seen.add(name)
    raise AssertionError("no duplicate among the pairs")
