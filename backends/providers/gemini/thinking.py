"""How much to think: OpenAI's efforts and OpenRouter's `reasoning` as Gemini's levels and budgets.

https://ai.google.dev/gemini-api/docs/thinking, and for what an effort amounts to
https://ai.google.dev/gemini-api/docs/openai#thinking
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_GENERATION = re.compile(r"gemini-(\d+)")
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
)
_LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "none": "minimal",
        "minimal": "minimal",
        "low": "low",
        "medium": "medium",
        "high": "high",
        "xhigh": "high",
        "max": "high",
    }
)
_DYNAMIC = -1
_LEAST_OF_PRO = 128


def generation_of(model: str) -> int:
    """3 for `gemini-3-flash-preview`; 0 where the name doesn't tell."""
    found = _GENERATION.search(model)
    return int(found[1]) if found is not None else 0


def is_old(model: str) -> bool:
    """Before 2.5: no thoughts, and no mode VALIDATED."""
    return generation_of(model) in (1, 2) and "gemini-2.5" not in model


def render_thinking(body: Mapping[str, Any], model: str, dropped: list[str]) -> dict[str, Any] | None:
    """`thinkingConfig`, or None where the caller says nothing of it. What can't be honoured goes to `dropped`."""
    wish, shown = body.get("reasoning"), body.get("include_reasoning")
    wish = wish if isinstance(wish, Mapping) else {}
    field = "reasoning" if wish else "reasoning_effort"
    effort = wish.get("effort") or body.get("reasoning_effort")
    budget = wish.get("max_tokens")
    if wish.get("enabled") is False:
        effort, budget = "none", None
    if effort is None and budget is None and not wish and shown is not True:
        return None
    if is_old(model):
        if effort != "none":
            dropped.append(field)
        return None
    if type(budget) is int:
        config: dict[str, Any] = {"thinkingBudget": budget}
    elif effort is not None:
        config = _amount(effort, model, field, dropped)
    else:  # levels have no word for as much as it takes: it is their default
        config = {"thinkingBudget": _DYNAMIC} if wish.get("enabled") is True and generation_of(model) < 3 else {}
    if effort != "none":
        config["includeThoughts"] = wish.get("exclude") is not True and shown is not False
    return config


def _amount(effort: Any, model: str, field: str, dropped: list[str]) -> dict[str, Any]:
    if effort not in _LEVELS:
        dropped.append(field)
        return {}
    newer = generation_of(model) >= 3
    if effort == "none" and (newer or "pro" in model):  # these can't stop: as little as they can
        dropped.append(field)
        return {"thinkingLevel": _level(effort, model)} if newer else {"thinkingBudget": _LEAST_OF_PRO}
    return {"thinkingLevel": _level(effort, model)} if newer else {"thinkingBudget": _BUDGETS[effort]}


def _level(effort: str, model: str) -> str:
    """Pro models know no `minimal`; the first of them knew no `medium` either."""
    level = _LEVELS[effort]
    if "pro" not in model:
        return level
    if level == "minimal":
        return "low"
    return "high" if level == "medium" and "gemini-3-pro" in model else level
