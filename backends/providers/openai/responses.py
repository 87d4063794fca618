"""OpenAI's Responses API where the caller speaks it too: the request with the upstream's model name, the whole answer
as it came. https://platform.openai.com/docs/api-reference/responses
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from backends.errors import BadAnswer, Refused
from backends.providers.openai.errors import error_in_answer, read_error
from backends.providers.openai.response import last_usage_object
from backends.types import ChatRequest, Usage

_OURS = re.compile(rb'"(?:hr1\.|(?:rs|msg|fc)_hr)')
"""What begins an `encrypted_content` or an item's id that the gateway made for another provider's answer."""
_SEALED = "encrypted_content"
_MODEL_FIELD = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class ResponsesAnswer(NamedTuple):
    """A response: the bytes for the caller, and what they say of usage."""

    body: bytes
    usage: Usage | None


def render_responses_body(chat: ChatRequest, model: str) -> bytes:
    """The caller's bytes with the upstream's model name: spliced where it is plain which field that is."""
    raw, native = chat.raw, chat.native or {}
    if _OURS.search(raw):
        return orjson.dumps({**native, "model": model, "input": _without_ours(native.get("input"))})
    if model == chat.model:
        return raw
    first = raw.find(b'"model"')
    field = _MODEL_FIELD.match(raw, first) if raw.find(b'"model"', first + 7) == -1 else None
    if field is None or b"\\u00" in raw:
        return orjson.dumps({**native, "model": model})
    return raw[: field.start(1)] + orjson.dumps(model) + raw[field.end(1) :]


def _without_ours(items: Any) -> Any:
    """Input as this upstream can know it: it refuses reasoning that is not its own, and our ids mean nothing to it."""
    if not isinstance(items, list):
        return items
    kept = []
    for item in items:
        if not isinstance(item, dict):
            kept.append(item)
        elif not (item.get("type") == "reasoning" and (_is_ours(item.get("id")) or _is_ours(item.get(_SEALED)))):
            kept.append({name: value for name, value in item.items() if name != "id" or not _is_ours(value)})
    return kept


def _is_ours(value: Any) -> bool:
    return isinstance(value, str) and _OURS.match(f'"{value}'.encode("utf-8", "replace")) is not None


def read_responses_answer(body: bytes) -> ResponsesAnswer:
    """Read a 200's body. Raises BadAnswer for what is no response, Refused for an error inside a 200."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    if answer.get("status") == "failed" or answer.get("error"):
        raise failure_in(answer)
    if not isinstance(answer.get("output"), list):
        raise BadAnswer("a success status, but no output in the answer")
    return ResponsesAnswer(body, read_responses_usage(answer.get("usage")))


def failure_in(response: Mapping[str, Any]) -> Refused:
    """A response whose `status` is `failed`, or an `error` event: its code stands for a status.

    https://platform.openai.com/docs/api-reference/responses/object#responses/object-error
    """
    error = response.get("error")
    if not error:
        error = {name: response.get(name) for name in ("message", "code", "param")}
    code = error.get("code") if isinstance(error, dict) else None
    status = _STATUS_OF.get(code, 400 if _CALLERS.search(code) else None) if isinstance(code, str) else None
    if status is None:
        return error_in_answer({"error": error})
    return read_error(status, {}, orjson.dumps({"error": error}))


_STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "rate_limit_exceeded": 429,
        "insufficient_quota": 429,
        "server_error": 500,
        "server_is_overloaded": 503,
        "slow_down": 503,
        "vector_store_timeout": 504,
    }
)
"""Codes of a response's error, by the status that the same failure has before a stream has begun."""
_CALLERS = re.compile(r"invalid|image|policy|context_length|content_filter")
"""All the others that OpenAI lists speak of what was asked."""


def read_responses_usage(usage: Any) -> Usage | None:
    """The Responses API's usage object in classes that do not overlap; None when there is none.

    As with chat, xAI may count reasoning beside the output; `total_tokens` tells the two apart.
    """
    if not isinstance(usage, dict):
        return None
    read, written = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    if read is None and written is None:
        return None
    read, written = read or 0, written or 0
    details = usage.get("input_tokens_details")
    cached = _count(details, "cached_tokens") or 0
    created = _count(details, "cache_write_tokens") or 0
    reasoning = _count(usage.get("output_tokens_details"), "reasoning_tokens") or 0
    beside = reasoning > 0 and usage.get("total_tokens") == read + written + reasoning
    return Usage(
        max(read - cached - created, 0), cached, created, written if beside else max(written - reasoning, 0), reasoning
    )


def _count(counts: Any, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def find_responses_usage(tail: bytes) -> Usage | None:
    """The last usage object in the end of an answer too long to be held."""
    return read_responses_usage(last_usage_object(tail))
