"""How much to think, for each generation of models."""

from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.anthropic import render_messages
from backends.providers.anthropic.request import Rendered
from tests.backends.anthropic.played import chat

SAY_HI = [{"role": "user", "content": "Hi"}]
TIDE = {"type": "function", "function": {"name": "tide"}}
CALLED = [
    *SAY_HI,
    {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "tide"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "high"},
]


def rendered(model: str, messages: list[dict[str, Any]] | None = None, **fields: Any) -> Rendered:
    return render_messages(chat({"model": "m", "messages": messages or SAY_HI, **fields}), model)


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort", "dropped"),
    [
        # Not asked for: nothing is said, and the model does as it does.
        ("claude-sonnet-4-5", {}, None, None, ()),
        ("claude-opus-5", {}, None, None, ()),
        # Budgets: a share of the limit, within bounds.
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 10_000}, 2_000, None, ()),
        ("claude-sonnet-4-5", {"reasoning_effort": "minimal", "max_tokens": 2_000}, 1_024, None, ()),
        ("claude-sonnet-4-5", {"reasoning_effort": "high"}, 32_000, None, ()),
        ("claude-sonnet-4-5", {"reasoning": {"enabled": True}, "max_tokens": 10_000}, 5_000, None, ()),
        ("claude-sonnet-4-5", {"reasoning": {"max_tokens": 4_000}}, 4_000, None, ()),
        ("claude-sonnet-4-5", {"reasoning": {"max_tokens": 10}}, 1_024, None, ("reasoning.max_tokens",)),
        ("claude-sonnet-4-5", {"reasoning_effort": "high", "max_tokens": 500}, None, None, ("reasoning_effort",)),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2_048}}, 2_048, None, ()),
        ("claude-3-5-haiku-latest", {"reasoning_effort": "high"}, None, None, ("reasoning_effort",)),
        ("claude-sonnet-4-5", {"reasoning_effort": "none"}, None, None, ()),
        # Adaptive, with efforts; a budget only where it is still taken.
        ("claude-opus-4-6", {"reasoning_effort": "medium"}, {"type": "adaptive"}, "medium", ()),
        ("claude-opus-4-6", {"reasoning_effort": "minimal"}, {"type": "adaptive"}, "low", ()),
        ("claude-opus-4-6", {"reasoning_effort": "xhigh"}, {"type": "adaptive"}, "high", ("reasoning_effort",)),
        ("claude-opus-4-6", {"reasoning": {"max_tokens": 4_000}}, 4_000, None, ()),
        (
            "claude-opus-4-6",
            {"reasoning": {"effort": "high", "exclude": True}},
            {"type": "adaptive", "display": "omitted"},
            "high",
            (),
        ),
        (
            "claude-opus-4-8",
            {"reasoning_effort": "xhigh"},
            {"type": "adaptive", "display": "summarized"},
            "xhigh",
            (),
        ),
        (
            "claude-sonnet-5",
            {"reasoning": {"max_tokens": 4_000}},
            {"type": "adaptive", "display": "summarized"},
            None,
            ("reasoning.max_tokens",),
        ),
        # Switched off: said only where it would be on, and where it can be.
        ("claude-opus-4-8", {"reasoning_effort": "none"}, None, None, ()),
        ("claude-opus-5", {"reasoning": {"enabled": False}}, {"type": "disabled"}, None, ()),
        ("claude-opus-5-5", {"reasoning_effort": "none"}, None, "low", ("reasoning_effort",)),
        ("claude-fable-5", {"reasoning_effort": "none"}, None, "low", ("reasoning_effort",)),
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}, {"type": "disabled"}, None, ()),
    ],
)
def test_what_is_asked_for_becomes_what_the_model_takes(
    model: str, fields: dict[str, Any], thinking: Any, effort: str | None, dropped: tuple[str, ...]
) -> None:
    asked = rendered(model, **fields)
    wanted = {"type": "enabled", "budget_tokens": thinking} if isinstance(thinking, int) else thinking
    assert asked.body.get("thinking") == wanted
    assert asked.body.get("output_config", {}).get("effort") == effort
    assert asked.dropped == dropped
    if isinstance(thinking, int):
        assert 1_024 <= thinking < asked.body["max_tokens"]


def test_a_budget_above_the_limit_is_a_contradiction() -> None:
    with pytest.raises(NotCarried) as refused:
        rendered("claude-sonnet-4-5", reasoning={"max_tokens": 3_000}, max_tokens=2_000)
    assert refused.value.param == "reasoning.max_tokens"


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_a_forced_tool_comes_before_thinking(model: str) -> None:
    asked = rendered(model, tools=[TIDE], tool_choice="required", reasoning_effort="high", temperature=0.2)
    assert "thinking" not in asked.body
    assert asked.body["tool_choice"] == {"type": "any"}
    assert asked.body["temperature"] == 0.2
    assert asked.dropped == ("reasoning_effort",)


def test_a_turn_that_lost_its_thinking_goes_on_without() -> None:
    lost = rendered("claude-sonnet-4-5", CALLED, tools=[TIDE], reasoning={"effort": "high"})
    assert "thinking" not in lost.body
    assert lost.dropped == ("reasoning",)
    detail = {"type": "reasoning.text", "text": "?", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
    kept = [CALLED[0], {**CALLED[1], "reasoning_details": [detail]}, CALLED[2]]
    assert "thinking" in rendered("claude-sonnet-4-5", kept, tools=[TIDE], reasoning={"effort": "high"}).body
    assert "thinking" in rendered("claude-opus-4-6", CALLED, tools=[TIDE], reasoning={"effort": "high"}).body
    later = [*CALLED, {"role": "assistant", "content": "High."}, *SAY_HI]
    assert "thinking" in rendered("claude-sonnet-4-5", later, tools=[TIDE], reasoning={"effort": "high"}).body
