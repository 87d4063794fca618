"""A whole answer, read for its usage and left as it is."""

import json
from typing import Any, NamedTuple

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.openai.errors import error_in_answer
from backends.types import Usage


class ChatAnswer(NamedTuple):
    """A chat completion: the bytes for the caller, and what they say of usage."""

    body: bytes
    usage: Usage | None


def read_answer(body: bytes) -> ChatAnswer:
    """Read a 200's body. Raises BadAnswer for what is no chat completion, Refused for an error inside a 200."""
    return ChatAnswer(body, read_usage(_answer(body).get("usage")))


def read_completion(body: bytes) -> Completion:
    """The same, in the common form."""
    answer = _answer(body)
    return Completion(answer, read_usage(answer.pop("usage", None)))


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    if answer.get("error"):
        raise error_in_answer(answer)
    if not answer.get("choices"):
        raise BadAnswer("a success status, but no choices in the answer")
    return answer


def find_usage(tail: bytes) -> Usage | None:
    """The last usage object in the end of an answer."""
    at = tail.rfind(b'"usage"')
    brace = tail.find(b"{", at) if at >= 0 else -1
    if brace < 0:
        return None
    try:
        usage, _ = json.JSONDecoder().raw_decode(tail[brace:].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return read_usage(usage)


def read_usage(usage: Any) -> Usage | None:
    """OpenAI's usage object in classes that do not overlap; None when there is none.

    Most providers count reasoning inside `completion_tokens`; xAI counts it beside them. `total_tokens` tells
    the two apart (https://docs.x.ai/docs/guides/reasoning).
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    cached = created = reasoning = 0
    details = usage.get("prompt_tokens_details")
    if details and isinstance(details, dict):
        cached = _count(details, "cached_tokens") or 0
        created = _count(details, "cache_write_tokens") or 0
    details = usage.get("completion_tokens_details")
    if details and isinstance(details, dict):
        reasoning = _count(details, "reasoning_tokens") or 0
    beside = reasoning > 0 and usage.get("total_tokens") == prompt + completion + reasoning
    plain = max(prompt - cached - created, 0)
    written = completion if beside else max(completion - reasoning, 0)
    return Usage(plain, cached, created, written, reasoning)


def _count(counts: dict[str, Any], name: str) -> int | None:
    value = counts.get(name)
    if type(value) is int and value >= 0:  # nearly always
        return value
    return int(value) if isinstance(value, (int, float)) and value >= 0 else None
