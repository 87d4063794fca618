"""OpenAI's Responses API, as callers speak it, to any model. https://platform.openai.com/docs/api-reference/responses

The dialect itself remembers nothing: what `previous_response_id` names is brought to it (gateway/conversations.py).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.types import ChatRequest, Usage
from gateway.dialects.openai_errors import render_error
from gateway.dialects.openai_responses_output import Ids, ending, output_items, response_object
from gateway.dialects.openai_responses_request import translate
from gateway.dialects.openai_responses_stream import ResponsesEncoder, error_event
from gateway.errors import GatewayError, InvalidRequest

LONGEST_MODEL_NAME = 256
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
"""Others that providers name are not for this field: OpenAI's clients check it."""
_TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = MappingProxyType(
    {
        "stream": (bool, "true or false"),
        "store": (bool, "true or false"),
        "background": (bool, "true or false"),
        "parallel_tool_calls": (bool, "true or false"),
        "max_output_tokens": (int, "a whole number"),
        "top_logprobs": (int, "a whole number"),
        "temperature": ((int, float), "a number"),
        "top_p": ((int, float), "a number"),
        "tools": (list, "an array"),
        "include": (list, "an array"),
        "text": (dict, "an object"),
        "reasoning": (dict, "an object"),
        "metadata": (dict, "an object"),
        "previous_response_id": (str, "a string"),
        "instructions": ((str, list), "a string"),
    }
)


class OpenAIResponses:
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_responses"

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body as a ChatRequest. Raises InvalidRequest (`invalid_json`, `invalid_request`)."""
        native = _object(body)
        _check(native)
        if native.get("background"):
            raise InvalidRequest(
                "Background responses are not kept by the gateway: leave 'background' out, and stream instead.",
                param="background",
            )
        raw = _plain(body, native)
        return chat_of(native, raw)

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
        """A response object."""
        return orjson.dumps(render_response(chat, answer, usage, None))

    def stream_encoder(self, chat: ChatRequest) -> ResponsesEncoder:
        """A fresh encoder for one streamed answer."""
        return ResponsesEncoder(chat.native or {}, chat.created)

    def render_error(self, error: GatewayError) -> bytes:
        """OpenAI's error body."""
        return render_error(error)

    def stream_error(self, error: GatewayError) -> bytes:
        """An `error` event, and nothing after it."""
        return error_event(error, 0)

    def keep_alive(self) -> bytes:
        """A comment (WHATWG server-sent events: a line that starts with a colon)."""
        return b": headrace\n\n"


def chat_of(native: dict[str, Any], raw: bytes) -> ChatRequest:
    """The request, in both forms."""
    body, untranslated, ignored = translate(native)
    return ChatRequest(
        raw,
        body,
        native["model"],
        native.get("stream") is True,
        wants_usage=False,
        dialect=OpenAIResponses.name,
        native=native,
        untranslated=untranslated,
        ignored=ignored,
    )


def render_response(
    chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None, ids: Ids | None
) -> dict[str, Any]:
    """The response that a chat completion comes to."""
    if ids is None:
        ids = Ids("hr" + "".join(filter(str.isalnum, str(answer.get("id") or "0")))[-32:])
    choices = answer.get("choices") or [{}]
    choice = choices[0]
    status, reason = ending(choice.get("finish_reason"), refused=bool((choice.get("message") or {}).get("refusal")))
    created = answer.get("created")
    made = response_object(
        chat.native or {},
        ids.response,
        created if isinstance(created, int) and created else chat.created,
        str(answer.get("model") or chat.model),
        status=status,
        output=output_items(choice, ids, status),
        usage=usage,
        reason=reason,
    )
    if answer.get("service_tier") in _TIERS:
        made["service_tier"] = answer["service_tier"]
    return made


def _object(body: bytes) -> dict[str, Any]:
    try:
        native = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).", code="invalid_json"
        ) from error
    if type(native) is not dict:
        raise InvalidRequest("The body must be a JSON object.")
    return native


def _check(native: Mapping[str, Any]) -> None:
    model = native.get("model")
    if type(model) is not str or not model:
        raise InvalidRequest("'model' must be a non-empty string: the name of a model.", param="model")
    if len(model) > LONGEST_MODEL_NAME:
        raise InvalidRequest(f"'model' is longer than {LONGEST_MODEL_NAME} characters.", param="model")
    for name, (types, expected) in _TYPES.items():
        value = native.get(name)
        if value is not None and (not isinstance(value, types) or (type(value) is bool and types is not bool)):
            raise InvalidRequest(f"'{name}' must be {expected}.", param=name)
    limit = native.get("max_output_tokens")
    if limit is not None and limit < 1:
        raise InvalidRequest("'max_output_tokens' must be at least 1.", param="max_output_tokens")
    if native.get("input") is None and not any(native.get(name) for name in ("prompt", "previous_response_id")):
        raise InvalidRequest("'input' must be a string or an array of items.", param="input")


def _plain(body: bytes, native: dict[str, Any]) -> bytes:
    """The caller's bytes, where no field can stand in them twice; else what we read, written anew.

    orjson keeps the last of two silently: an upstream must not obey the one that we did not judge.
    """
    try:
        written = orjson.dumps(native)
    except orjson.JSONEncodeError as error:  # it reads deeper nesting than it writes
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from error
    return body if written == body else written
