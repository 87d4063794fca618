"""Gemini's `usageMetadata` in classes that do not overlap. https://ai.google.dev/api/generate-content#UsageMetadata"""

from typing import Any

from backends.types import Usage


def read_usage(usage: Any) -> Usage | None:
    """None where it counts nothing: Vertex sends `{"trafficType": …}` alone with all chunks but the last.

    Thoughts stand beside `candidatesTokenCount`, and what tools brought in beside `promptTokenCount`; what came from a
    cache stands inside the latter. `totalTokenCount` is the sum.
    """
    if not isinstance(usage, dict) or "promptTokenCount" not in usage:
        return None
    cached = _count(usage, "cachedContentTokenCount")
    read = max(_count(usage, "promptTokenCount") - cached, 0) + _count(usage, "toolUsePromptTokenCount")
    return Usage(read, cached, 0, _count(usage, "candidatesTokenCount"), _count(usage, "thoughtsTokenCount"))


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name, 0)
    return value if type(value) is int and value >= 0 else 0
