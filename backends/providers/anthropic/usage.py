"""Anthropic's token counts, in classes that never overlap.

`input_tokens` is without what the cache gave or took; `output_tokens` holds the thinking.
https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
"""

from collections.abc import Mapping
from typing import Any

from backends.providers.openai.response import last_usage_object
from backends.types import Usage

_ELSEWHERE = "compaction"
"""An iteration of this kind is billed and stands in `iterations` alone, not in the sums above it.
https://docs.anthropic.com/en/docs/build-with-claude/compaction#understanding-usage"""


def read_usage(usage: Any) -> Usage | None:
    """A usage object; None when there is none."""
    if not isinstance(usage, dict) or ("input_tokens" not in usage and "output_tokens" not in usage):
        return None
    read = _counts(usage)
    iterations = usage.get("iterations")
    if isinstance(iterations, list):
        for iteration in iterations:
            if isinstance(iteration, dict) and iteration.get("type") == _ELSEWHERE:
                read = Usage(*map(int.__add__, read, _counts(iteration)))
    return read


def merged(begun: Mapping[str, Any], later: Any) -> dict[str, Any]:
    """`message_delta` counts all from the start of the answer; what it leaves out stands as `message_start` said it."""
    if not isinstance(later, dict):
        return dict(begun)
    return {**begun, **{name: value for name, value in later.items() if value is not None}}


def find_usage(tail: bytes) -> Usage | None:
    """The last usage object in the end of an answer."""
    return read_usage(last_usage_object(tail))


def _counts(usage: Mapping[str, Any]) -> Usage:
    output = _count(usage, "output_tokens")
    details = usage.get("output_tokens_details")
    thinking = min(_count(details, "thinking_tokens"), output) if isinstance(details, dict) else 0
    return Usage(
        _count(usage, "input_tokens"),
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
        output - thinking,
        thinking,
    )


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return int(value) if isinstance(value, (int, float)) and value > 0 else 0
