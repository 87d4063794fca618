"""Thinking, asked for in Anthropic's words → in OpenAI's and OpenRouter's.

https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
https://docs.anthropic.com/en/docs/build-with-claude/effort

Nothing is added where nothing is said: then each model does what it does by itself.
"""

from collections.abc import Mapping
from typing import Any

from gateway.dialects.anthropic_blocks import fault, shown

_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_LOW_UP_TO, _MEDIUM_UP_TO = 4_096, 12_288
"""Tokens of thinking that an effort stands for; backends/providers/openai/reasoning.py has the same bounds."""


def read_thinking(native: Mapping[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    """`thinking` and `output_config.effort` → `reasoning_effort`, and `reasoning` where a budget was given.

    Returns what has no words in a chat.
    """
    thinking, effort = native.get("thinking"), (native.get("output_config") or {}).get("effort")
    if effort is not None and type(effort) is not str:
        raise fault("output_config.effort", "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if effort is not None and effort not in _EFFORTS:
        return "output_config.effort", f"output_config.effort: no model of this gateway knows '{shown(effort)}'."
    kind = None if thinking is None else thinking.get("type")
    if kind == "disabled":
        body["reasoning_effort"] = "none"
    elif kind == "enabled":
        budget = _budget(thinking)
        body["reasoning_effort"] = effort or _effort_of(budget)
        body["reasoning"] = {"max_tokens": budget}
    elif kind in ("adaptive", "between_tools"):
        body["reasoning_effort"] = effort or "medium"
    elif thinking is not None:
        return "thinking.type", f"thinking.type: other models than Anthropic's know no '{shown(kind)}'."
    elif effort is not None:
        body["reasoning_effort"] = effort
    return None


def shows_thinking(native: Mapping[str, Any] | None) -> bool:
    """Whether the caller wants to see it (`display`)."""
    thinking = (native or {}).get("thinking")
    return not isinstance(thinking, dict) or thinking.get("display") != "omitted"


def _budget(thinking: Any) -> int:
    budget = thinking.get("budget_tokens")
    if type(budget) is not int or budget < 1:
        raise fault(
            "thinking.enabled.budget_tokens", "Field required" if budget is None else "Input should be positive"
        )
    return budget


def _effort_of(budget: int) -> str:
    return "low" if budget <= _LOW_UP_TO else "medium" if budget <= _MEDIUM_UP_TO else "high"
