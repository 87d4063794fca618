"""Cohere's token counts: what it bills. `tokens` counts its own preamble as well, and is a multiple of it.

https://docs.cohere.com/docs/how-does-cohere-pricing-work
"""

from typing import Any

from backends.types import Usage


def read_usage(usage: Any) -> Usage | None:
    """A chat's, in classes that do not overlap; None when there is none. What comes from the cache is billed alike."""
    if not isinstance(usage, dict):
        return None
    tokens = usage.get("tokens")
    tokens = tokens if isinstance(tokens, dict) else {}
    billed = usage.get("billed_units")
    if not isinstance(billed, dict) or not {"input_tokens", "output_tokens"} & billed.keys():
        return _by_tokens(tokens, _count(usage, "cached_tokens"))
    written = _count(billed, "output_tokens")
    reasoning = min(_count(tokens, "reasoning_tokens"), written)
    return Usage(_count(billed, "input_tokens"), 0, 0, written - reasoning, reasoning)


def read_billed(meta: Any) -> Usage | None:
    """Of embeddings and rankings: `meta.billed_units`. Searches are no tokens: they are told as none."""
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    if not isinstance(billed, dict):
        return None
    return Usage(
        _count(billed, "input_tokens") + _count(billed, "image_tokens"), output=_count(billed, "output_tokens")
    )


def _by_tokens(tokens: dict[str, Any], cached: int) -> Usage | None:
    """Of a deployment of one's own, which bills nothing."""
    if not {"input_tokens", "output_tokens"} & tokens.keys():
        return None
    read, written = _count(tokens, "input_tokens"), _count(tokens, "output_tokens")
    cached, reasoning = min(cached, read), min(_count(tokens, "reasoning_tokens"), written)
    return Usage(read - cached, cached, 0, written - reasoning, reasoning)


def _count(counts: dict[str, Any], name: str) -> int:
    value = counts.get(name)
    return int(value) if isinstance(value, (int, float)) and value > 0 else 0
