"""How much to think: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, others' `thinking`, in Anthropic's words.

Three generations (https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting):
1. up to 4.5: a budget of tokens, or no thinking;
2. 4.6: the model decides how long, guided by an effort; a budget still works;
3. from 4.7 on: the effort alone, and the text of the thinking only on demand.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from backends.errors import NotCarried
from backends.providers.anthropic.claude import Claude

LEAST_BUDGET = 1024
MOST_BUDGET = 32_000
"""Above this Anthropic advises batches; who wants more asks for it in tokens.
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#working-with-thinking-budgets"""
_SHARE: Mapping[str, float] = MappingProxyType(
    {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
)
"""Of the output limit, as OpenRouter divides it.
https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning-effort-level"""
_LEVELS = ("low", "medium", "high", "xhigh", "max")


class Thinking(NamedTuple):
    """What is sent."""

    config: dict[str, Any] | None
    """`thinking`."""
    effort: str | None
    """`output_config.effort`."""
    dropped: tuple[str, ...]

    @property
    def on(self) -> bool:
        """Asked for: then sampling and forced tools are bound by rules."""
        return self.config is not None and self.config["type"] != "disabled"

    @property
    def budgeted(self) -> bool:
        """By a budget of tokens."""
        return self.config is not None and self.config["type"] == "enabled"


class _Wish(NamedTuple):
    """What the caller asked for, under either name."""

    param: str
    effort: str | None
    tokens: int | None
    off: bool
    hidden: bool


def render_thinking(body: Mapping[str, Any], model: Claude, most_output: int, *, limited: bool) -> Thinking:
    """`most_output`: what max_tokens will be; `limited`: the caller has set it. Raises NotCarried."""
    wish = _own(body.get("thinking")) or _read(body)
    if wish is None:
        return Thinking(None, None, ())
    if wish.off:
        return _stopped(wish, model)
    if not model.thinks:
        return Thinking(None, None, (wish.param,))
    if not model.adaptive or (wish.tokens is not None and model.takes_budgets):
        return _budgeted(wish, most_output, limited=limited)
    return _adaptive(wish, model)


def _own(wanted: Any) -> _Wish | None:
    """A `thinking` in the body: Anthropic's words, some of which Z.ai, Moonshot and DeepSeek took over."""
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("enabled", "adaptive", "disabled"):
        return None
    budget = wanted.get("budget_tokens")
    hidden = wanted.get("display") == "omitted"
    return _Wish("thinking", None, budget if type(budget) is int else None, kind == "disabled", hidden)


def _read(body: Mapping[str, Any]) -> _Wish | None:
    wanted = body.get("reasoning")
    wanted = wanted if isinstance(wanted, dict) else {}
    flat = body.get("reasoning_effort")
    effort, tokens = wanted.get("effort") or flat, wanted.get("max_tokens")
    param = "reasoning_effort" if flat and not wanted.get("effort") else "reasoning"
    hidden = wanted.get("exclude") is True or body.get("include_reasoning") is False
    off = effort == "none" or wanted.get("enabled") is False
    if effort is None and tokens is None and not off and wanted.get("enabled") is not True:
        return None
    if effort is not None and effort != "none" and (not isinstance(effort, str) or effort not in _SHARE):
        raise NotCarried(param, f"The effort must be one of none, {', '.join(_SHARE)}.")
    if tokens is not None and (type(tokens) is not int or tokens < 0):
        raise NotCarried("reasoning.max_tokens", "'reasoning.max_tokens' must be a whole number of tokens.")
    return _Wish(param, effort, tokens, off or tokens == 0, hidden)


def _stopped(wish: _Wish, model: Claude) -> Thinking:
    if not model.thinks_unasked:
        return Thinking(None, None, ())
    if model.can_be_stopped_thinking:
        return Thinking({"type": "disabled"}, None, ())
    return Thinking(None, model.efforts[0], (wish.param,))  # it can't be stopped: as little as it can


def _budgeted(wish: _Wish, most_output: int, *, limited: bool) -> Thinking:
    dropped = [f"{wish.param}.exclude"] if wish.hidden else []
    if wish.tokens is None:
        budget = int(most_output * _SHARE[wish.effort or "medium"])
        budget = max(min(budget, MOST_BUDGET), LEAST_BUDGET)
        if budget >= most_output:  # no room: an answer within the limit is what was asked for first
            return Thinking(None, None, (wish.param,))
    else:
        budget = max(wish.tokens, LEAST_BUDGET)
        if budget != wish.tokens:
            dropped.append("reasoning.max_tokens")
        if budget >= most_output:
            limit = "max_tokens" if limited else f"the model's {most_output} tokens of output"
            raise NotCarried("reasoning.max_tokens", f"Thinking of {budget} tokens must be less than {limit}.")
    return Thinking({"type": "enabled", "budget_tokens": budget}, None, tuple(dropped))


def _adaptive(wish: _Wish, model: Claude) -> Thinking:
    config: dict[str, Any] = {"type": "adaptive"}
    if wish.hidden:
        config["display"] = "omitted"
    elif model.hides_thinking:
        config["display"] = "summarized"
    dropped = ["reasoning.max_tokens"] if wish.tokens is not None else []
    effort = None
    if wish.effort is not None:
        effort = "low" if wish.effort == "minimal" else wish.effort
        if effort not in model.efforts:  # the next one that it has, downwards
            effort = next(level for level in reversed(_LEVELS[: _LEVELS.index(effort)]) if level in model.efforts)
            dropped.append(wish.param)
    return Thinking(config, effort, tuple(dropped))
