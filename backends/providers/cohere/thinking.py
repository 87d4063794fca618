"""How a caller's wish for reasoning is said to Cohere: it thinks unasked, may be told not to, or for how long.

https://docs.cohere.com/docs/reasoning
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NEVER_THINKS = re.compile(
    r"^command(?:-light|-nightly|-light-nightly)?$|command-r|command-a-(?:03|vision|translate)|c4ai|aya"
)
"""Older models, which refuse the field."""
_BUDGETS: Mapping[str, int] = MappingProxyType({"minimal": 512, "low": 1024, "medium": 8192})
"""Tokens; a high effort is no budget at all."""


def render_thinking(body: Mapping[str, Any], model: str, dropped: list[str]) -> dict[str, Any] | None:
    """Cohere's `thinking`. None: nothing is said of it."""
    own = body.get("thinking")
    if isinstance(own, Mapping) and own.get("type"):
        return _in_own_words(own)
    told = body.get("reasoning")
    told = told if isinstance(told, Mapping) else {}
    effort = body.get("reasoning_effort") or told.get("effort")
    budget = told.get("max_tokens")
    off = effort == "none" or told.get("enabled") is False
    if effort is None and not isinstance(budget, int) and told.get("enabled") is None:
        return None
    if _NEVER_THINKS.search(model):
        if not off:
            dropped.append("reasoning_effort" if body.get("reasoning_effort") else "reasoning")
        return None
    if off:
        return {"type": "disabled"}
    tokens = budget if isinstance(budget, int) else _BUDGETS.get(str(effort))
    return {"type": "enabled", "token_budget": tokens} if tokens else {"type": "enabled"}


def _in_own_words(own: Mapping[str, Any]) -> dict[str, Any]:
    """Cohere's; or Anthropic's, whose budget has another name."""
    thinking = {"type": "disabled" if own["type"] == "disabled" else "enabled"}
    budget = own.get("token_budget") or own.get("budget_tokens")
    return {**thinking, "token_budget": budget} if budget and thinking["type"] == "enabled" else thinking
