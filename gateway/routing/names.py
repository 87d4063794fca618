"""Model names as callers write them: wildcards and suffixes."""

import re
from functools import lru_cache

SUFFIXES = (":floor", ":nitro")
"""OpenRouter's shorthands: the cheapest target, the fastest target."""


def is_wildcard(name: str) -> bool:
    """Whether a name in the routing file stands for many."""
    return "*" in name


@lru_cache(maxsize=4096)
def _pattern(wildcard: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in wildcard.split("*")), re.DOTALL)


def matches(name: str, wildcard: str) -> bool:
    """Whether a wildcard covers a name. Only `*` is special."""
    return _pattern(wildcard).fullmatch(name) is not None


def split_suffix(name: str) -> tuple[str, str | None]:
    """`qwen3:floor` → (`qwen3`, `:floor`)."""
    for suffix in SUFFIXES:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, None
