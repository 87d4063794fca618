"""How reasoning is asked for: OpenAI's `reasoning_effort` and OpenRouter's `reasoning`, in each provider's own words.

A `Quirks.reasoning_switch` says which words:

effort           `reasoning_effort` alone, https://platform.openai.com/docs/guides/reasoning
thinking         `thinking: {"type": "enabled" | "disabled"}` besides, https://docs.z.ai/guides/capabilities/thinking-mode
enable_thinking  `enable_thinking` and `thinking_budget`, https://www.alibabacloud.com/help/en/model-studio/deep-thinking
template         `chat_template_kwargs: {"enable_thinking": …}`, https://docs.sglang.ai/advanced_features/separate_reasoning.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ASKED_BY = frozenset({"reasoning", "reasoning_effort"})

# An effort that stands for a budget, where only efforts are known: the shares that OpenRouter gives the two of an
# answer of some 16,000 tokens (https://openrouter.ai/docs/use-cases/reasoning-tokens).
_LOW_UP_TO, _MEDIUM_UP_TO = 4_096, 12_288
_BUDGETS = MappingProxyType({"minimal": 1_024, "low": 4_096, "medium": 8_192, "high": 16_384, "xhigh": 32_768})


class Wish(NamedTuple):
    """What a request asks of reasoning."""

    effort: str | None = None
    budget: int | None = None
    wanted: bool | None = None
    """Whether there shall be any at all; None: not said."""


def read_wish(body: Mapping[str, Any]) -> Wish:
    """From either field; OpenRouter's says more and wins."""
    asked = body.get("reasoning")
    asked = asked if isinstance(asked, Mapping) else {}
    effort = asked.get("effort") or body.get("reasoning_effort")
    effort = effort if isinstance(effort, str) else None
    budget = asked.get("max_tokens")
    budget = budget if type(budget) is int and budget > 0 else None
    if effort == "none" or asked.get("enabled") is False:
        return Wish(None, None, False)
    wanted = True if effort or budget or asked.get("enabled") is True else None
    return Wish(effort, budget, wanted)


def say_wish(body: dict[str, Any], switch: str) -> list[str]:
    """Put the wish into the provider's words. Returns what has no words there."""
    wish, asked = read_wish(body), body.get("reasoning")
    body.pop("reasoning", None)
    body.pop("reasoning_effort", None)
    _SWITCHES[switch](body, wish)
    excluded = isinstance(asked, Mapping) and asked.get("exclude") is True
    return ["reasoning.exclude"] if excluded else []


def _effort(body: dict[str, Any], wish: Wish) -> None:
    effort = wish.effort or (_effort_of(wish.budget) if wish.budget else None)
    if wish.wanted is False:
        effort = "none"
    elif wish.wanted and effort is None:
        effort = "medium"
    if effort is not None:
        body["reasoning_effort"] = effort


def _thinking(body: dict[str, Any], wish: Wish) -> None:
    if wish.wanted is not None and "thinking" not in body:
        body["thinking"] = {"type": "enabled" if wish.wanted else "disabled"}
    if wish.wanted and (wish.effort or wish.budget):
        _effort(body, wish)


def _enable_thinking(body: dict[str, Any], wish: Wish) -> None:
    if wish.wanted is None:
        return
    body.setdefault("enable_thinking", wish.wanted)
    budget = wish.budget or _BUDGETS.get(wish.effort or "")
    if wish.wanted and budget:
        body.setdefault("thinking_budget", budget)


def _template(body: dict[str, Any], wish: Wish) -> None:
    if wish.wanted is None:
        return
    given = body.get("chat_template_kwargs")
    body["chat_template_kwargs"] = {
        "enable_thinking": wish.wanted,
        **(given if isinstance(given, Mapping) else {}),
    }
    if wish.wanted and wish.effort:
        body["reasoning_effort"] = wish.effort


def _effort_of(budget: int) -> str:
    return "low" if budget <= _LOW_UP_TO else "medium" if budget <= _MEDIUM_UP_TO else "high"


_SWITCHES: Mapping[str, Callable[[dict[str, Any], Wish], None]] = MappingProxyType(
    {"effort": _effort, "thinking": _thinking, "enable_thinking": _enable_thinking, "template": _template}
)
SWITCHES = frozenset(_SWITCHES)
