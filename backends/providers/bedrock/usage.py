"""Converse's token counts."""

from typing import Any

from backends.types import Usage


def read_usage(usage: Any) -> Usage | None:
    """In classes that do not overlap, as Converse has them already; None when there is none.

    The cache's counts lie outside `inputTokens`. They come twice, under `…Tokens` and `…TokenCount`. Reasoning is not
    told apart from the rest of the output.
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    if not isinstance(usage, dict) or ("inputTokens" not in usage and "outputTokens" not in usage):
        return None
    return Usage(
        _count(usage, "inputTokens"),
        _count(usage, "cacheReadInputTokens") or _count(usage, "cacheReadInputTokenCount"),
        _count(usage, "cacheWriteInputTokens") or _count(usage, "cacheWriteInputTokenCount"),
        _count(usage, "outputTokens"),
    )


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return int(value) if isinstance(value, (int, float)) and value > 0 else 0
