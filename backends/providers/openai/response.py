"""A whole answer, read for its usage and left as it is."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.openai.choices import mend_message
from backends.providers.openai.errors import failure_in_choice, find_error
from backends.types import Usage


class ChatAnswer(NamedTuple):
    """A chat completion: the bytes for the caller, and what they say of usage."""

    body: bytes
    usage: Usage | None


def read_answer(body: bytes) -> ChatAnswer:
    """Read a 200's body. Raises BadAnswer for what is no chat completion, Refused for an error inside a 200."""
    return ChatAnswer(body, usage_of(_answer(body)))


def read_completion(body: bytes) -> Completion:
    """The same, in the common form: `content` is text, reasoning has both names, calls have index and id."""
    answer = _answer(body)
    usage = usage_of(answer)
    answer.pop("usage", None)
    answer.pop("x_groq", None)
    for place, choice in enumerate(answer["choices"]):
        if type(choice.get("index")) is not int:
            choice["index"] = place
        mend_message(choice, answer)
    return Completion(answer, usage)


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    failed = find_error(answer)
    if failed is not None:
        raise failed
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not all(type(choice) is dict for choice in choices):
        raise BadAnswer("a success status, but no choices in the answer")
    failed = next(filter(None, map(failure_in_choice, choices)), None)
    if failed is not None:
        raise failed
    return answer


def find_usage(tail: bytes) -> Usage | None:
    """The last usage object in the end of an answer."""
    return read_usage(last_usage_object(tail))


def last_usage_object(tail: bytes) -> Any:
    """The JSON behind the last `"usage"`; None: there is none that can be read."""
    at = tail.rfind(b'"usage"')
    brace = tail.find(b"{", at) if at >= 0 else -1
    if brace < 0:
        return None
    try:
        return json.JSONDecoder().raw_decode(tail[brace:].decode("utf-8", "replace"))[0]
    except (ValueError, RecursionError):
        return None


def usage_of(answer: Mapping[str, Any]) -> Usage | None:
    """The usage of an answer or of a chunk; Groq's streams have it in a place of their own too."""
    usage = read_usage(answer.get("usage"))
    if usage is None and "x_groq" in answer and isinstance(answer["x_groq"], dict):
        usage = read_usage(answer["x_groq"].get("usage"))
    return usage


def read_usage(usage: Any) -> Usage | None:
    """OpenAI's usage object in classes that do not overlap; None when there is none.

    Most providers count reasoning inside `completion_tokens`, and what was cached inside `prompt_tokens`. Where
    `total_tokens` says that something lies beside them, it is added: reasoning (xAI,
    https://docs.x.ai/docs/guides/reasoning; Gemini's endpoint does not even name it), caches, audio (Mistral).
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    details = usage.get("prompt_tokens_details")
    details = details if type(details) is dict else {}
    cached = _first(details, ("cached_tokens",)) or _first(usage, _CACHED)
    created = _first(details, ("cache_write_tokens", "cache_creation_tokens")) or _first(usage, _CREATED)
    written = usage.get("completion_tokens_details")
    reasoning = (_count(written, "reasoning_tokens") or 0) if type(written) is dict else 0
    beside = (_count(usage, "total_tokens") or 0) - prompt - completion
    if beside > 0 or "market_cost" in usage or reasoning > completion or cached + created > prompt:
        return _with_what_lies_beside(
            Usage(prompt, cached, created, completion, reasoning), beside, _count(details, "audio_tokens"), usage
        )
    return Usage(prompt - cached - created, cached, created, completion - reasoning, reasoning)


_MOST = 1e15
_CACHED = ("cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""Moonshot and Together, Mistral, DeepSeek, Databricks."""
_CREATED = ("cache_creation_input_tokens",)


def _with_what_lies_beside(read: Usage, beside: int, audio: int | None, usage: Mapping[str, Any]) -> Usage:
    """`read` is as it was read, prompt and completion whole."""
    prompt, cached, created, completion, reasoning = read
    if beside == reasoning > 0 or "market_cost" in usage:
        # Vercel (nobody else says `market_cost`) charges for both, whatever its total says.
        return Usage(max(prompt - cached - created, 0), cached, created, completion, reasoning)
    if beside > 0 and beside == cached + created:
        return Usage(prompt, cached, created, max(completion - reasoning, 0), min(reasoning, completion))
    if beside > 0 and beside == audio:
        prompt += beside
    elif beside > 0 and not reasoning:
        completion, reasoning = completion + beside, beside
    # MiniMax counts a few more of reasoning than there were, Azure's grok more from the cache than was read.
    cached = min(cached, prompt)
    created = min(created, prompt - cached)
    reasoning = min(reasoning, completion)
    return Usage(prompt - cached - created, cached, created, completion - reasoning, reasoning)


def _first(counts: Mapping[str, Any], names: tuple[str, ...]) -> int:
    for name in names:
        if name in counts:
            return _count(counts, name) or 0
    return 0


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    value = counts.get(name)
    if type(value) is int and value >= 0:  # nearly always
        return value
    return int(value) if isinstance(value, (int, float)) and 0 <= value < _MOST else None
