"""How a caller's wish for reasoning is said to each maker's models: Converse itself has no words for it.

They go into `additionalModelRequestFields`, as the model's own API would have them.
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from backends.providers.anthropic.claude import claude
from backends.providers.anthropic.thinking import render_thinking

_NONE: Mapping[str, Any] = MappingProxyType({})
_LEVELS: Mapping[str, str] = MappingProxyType(
    {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
)


class Reasoning(NamedTuple):
    """What was made of the wish."""

    fields: Mapping[str, Any] = _NONE
    """For `additionalModelRequestFields`."""
    thinks: bool = False
    """Claude is told to think: some other parameters then mean nothing to it."""
    dropped: tuple[str, ...] = ()


def is_claude(model: str) -> bool:
    """Its id says so; profiles and provisioned models may bear any name."""
    return "claude" in model or "anthropic" in model


def may_be_claude(model: str) -> bool:
    """An ARN of one's own tells nothing of the model behind it."""
    return is_claude(model) or (model.startswith("arn:") and "foundation-model" not in model)


def render_reasoning(body: Mapping[str, Any], model: str, *, forced: bool, began_with_thought: bool) -> Reasoning:
    """`forced`: a tool must be called; `began_with_thought`: so did the turn that is under way. Raises NotCarried."""
    if is_claude(model):
        return _of_claude(body, model, forced=forced, began_with_thought=began_with_thought)
    told = body.get("reasoning")
    told = told if isinstance(told, Mapping) else {}
    param = "reasoning_effort" if body.get("reasoning_effort") else "reasoning"
    effort = body.get("reasoning_effort") or told.get("effort")
    if told.get("enabled") is False:
        effort = "none"
    elif effort is None and (told.get("enabled") or told.get("max_tokens")):
        effort = "medium"
    return Reasoning() if effort is None else _of_others(str(effort), model, param)


def _of_claude(body: Mapping[str, Any], model: str, *, forced: bool, began_with_thought: bool) -> Reasoning:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    card = claude(model)
    thinking = render_thinking(body, card, limit or card.most_output, limited=bool(limit))
    config, dropped = thinking.config, thinking.dropped
    impossible = forced or (thinking.budgeted and not began_with_thought)
    if thinking.on and impossible and config != body.get("thinking"):
        # Bedrock would refuse it, as Anthropic does.
        config, dropped = None, (*dropped, "reasoning" if body.get("reasoning") else "reasoning_effort")
    fields: dict[str, Any] = {}
    if config is not None:
        fields["thinking"] = config
    if thinking.effort is not None:
        fields["output_config"] = {"effort": thinking.effort}
    return Reasoning(fields, config is not None and thinking.on, dropped)


def _of_others(effort: str, model: str, param: str) -> Reasoning:
    level = _LEVELS.get(effort)
    if "gpt-oss" in model and level is not None:
        return Reasoning({"reasoning_effort": level})
    if "nova-2" in model:
        if level is None:
            return Reasoning({"reasoningConfig": {"type": "disabled"}}, dropped=() if effort == "none" else (param,))
        # The highest level refuses a limit of the answer and a temperature, which matter more.
        given = "medium" if level == "high" else level
        fields = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": given}}
        return Reasoning(fields, dropped=() if given == effort else (param,))
    return Reasoning(dropped=(param,))
