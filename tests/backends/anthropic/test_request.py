"""OpenAI's fields as Anthropic's: what is said, what is refused, what is left out and named."""

import json
from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.anthropic import render_messages
from backends.providers.anthropic.request import Rendered
from tests.backends.anthropic.played import chat

SAY_HI = [{"role": "user", "content": "Hi"}]
SCHEMA = {
    "type": "object",
    "properties": {"tide": {"type": "integer", "minimum": 0}},
    "required": ["tide"],
}
TIDE = {"type": "function", "function": {"name": "tide", "description": "How high", "parameters": SCHEMA}}
WIND = {"type": "function", "function": {"name": "wind"}}


def rendered(model: str = "claude-sonnet-4-5", **fields: Any) -> Rendered:
    return render_messages(chat({"model": "m", "messages": SAY_HI, **fields}), model)


def sent(model: str = "claude-sonnet-4-5", **fields: Any) -> dict[str, Any]:
    return rendered(model, **fields).body


def test_a_plain_chat_has_only_what_it_must_have() -> None:
    asked = rendered(max_tokens=100)
    assert asked.body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }
    assert asked.betas == ()
    assert asked.dropped == ()


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-1", 32_000),
        ("claude-sonnet-4-5", 64_000),
        ("claude-opus-4-8", 128_000),
        ("our-deployment", 32_000),
    ],
)
def test_without_a_limit_an_answer_may_be_as_long_as_the_model_can(model: str, most: int) -> None:
    assert sent(model)["max_tokens"] == most


def test_the_newer_name_of_the_limit_wins() -> None:
    assert sent(max_tokens=1, max_completion_tokens=2)["max_tokens"] == 2


def test_values_that_ask_for_nothing_are_not_named() -> None:
    neutral = {"n": 1, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "store": False, "seed": None}
    assert rendered(**neutral, temperature=1, top_p=1, stream_options={"include_usage": True}).dropped == ()


def test_what_cannot_be_honoured_is_left_out_and_named() -> None:
    asked = rendered(seed=7, presence_penalty=0.5, logit_bias={"1": 2}, logprobs=True, prediction={"type": "content"})
    assert set(asked.dropped) == {"seed", "presence_penalty", "logit_bias", "logprobs", "prediction"}
    assert not set(asked.dropped) & asked.body.keys()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("functions", [{"name": "f"}]),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy"}),
        ("web_search_options", {}),
        ("response_format", {"type": "grammar"}),
        ("tool_choice", "sometimes"),
        ("reasoning_effort", "heroic"),
    ],
)
def test_what_would_change_the_question_is_refused(field: str, value: Any) -> None:
    with pytest.raises(NotCarried) as refused:
        rendered(**{field: value})
    assert refused.value.param.split(".")[0] == field
    assert refused.value.another_target_may_help


def test_stop_user_and_tier_have_their_own_names() -> None:
    body = sent(stop="END", user="u-1", service_tier="default", stream=True)
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["service_tier"] == "standard_only"
    assert body["stream"] is True


def test_blank_stop_sequences_and_other_metadata_are_named() -> None:
    asked = rendered(stop=["\n\n", "END"], metadata={"team": "sea"}, service_tier="flex")
    assert asked.body["stop_sequences"] == ["END"]
    assert set(asked.dropped) == {"stop", "metadata", "service_tier"}


# Sampling


@pytest.mark.parametrize(
    ("model", "fields", "kept", "dropped"),
    [
        ("claude-sonnet-4-5", {"temperature": 0.3}, {"temperature": 0.3}, set()),
        ("claude-sonnet-4-5", {"temperature": 1.7}, {"temperature": 1}, {"temperature"}),
        ("claude-sonnet-4-5", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3}, {"top_p"}),
        ("claude-3-7-sonnet-latest", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3, "top_p": 0.9}, set()),
        ("claude-sonnet-4-5", {"top_p": 0.9, "top_k": 5}, {"top_p": 0.9, "top_k": 5}, set()),
        ("claude-opus-4-8", {"temperature": 0.3, "top_p": 0.9, "top_k": 5}, {}, {"temperature", "top_p", "top_k"}),
        (
            "claude-sonnet-4-5",
            {"temperature": 0.3, "top_k": 5, "top_p": 0.97, "reasoning_effort": "low"},
            {"top_p": 0.97},
            {"temperature", "top_k"},
        ),
        ("claude-sonnet-4-5", {"top_p": 0.5, "reasoning_effort": "low"}, {}, {"top_p"}),
    ],
)
def test_sampling_is_sent_where_it_is_taken_and_named_where_not(
    model: str, fields: dict[str, Any], kept: dict[str, Any], dropped: set[str]
) -> None:
    asked = rendered(model, **fields)
    assert {name: asked.body[name] for name in ("temperature", "top_p", "top_k") if name in asked.body} == kept
    assert set(asked.dropped) == dropped


# Tools


def test_functions_become_tools() -> None:
    body = sent(tools=[{**TIDE, "cache_control": {"type": "ephemeral"}}, WIND])
    assert body["tools"] == [
        {"name": "tide", "description": "How high", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
        {"name": "wind", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert "tool_choice" not in body


def test_anthropics_own_tools_pass_as_they_are() -> None:
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    assert sent(tools=[own])["tools"] == [own]


@pytest.mark.parametrize(
    ("choice", "rendered_choice"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "tide"}}, {"type": "tool", "name": "tide"}),
    ],
)
def test_who_chooses_the_tool(choice: Any, rendered_choice: dict[str, Any]) -> None:
    assert sent(tools=[TIDE, WIND], tool_choice=choice)["tool_choice"] == rendered_choice


def test_one_call_at_a_time() -> None:
    assert sent(tools=[TIDE], parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }
    assert sent(tools=[TIDE], parallel_tool_calls=False, tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in sent(parallel_tool_calls=False)


def test_of_allowed_tools_only_those_are_sent() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "wind"}}]}
    body = sent(tools=[TIDE, WIND], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in body["tools"]] == ["wind"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_strict_tool_is_bound_as_far_as_a_grammar_goes() -> None:
    strict = {"type": "function", "function": {**TIDE["function"], "strict": True}}  # type: ignore[dict-item]
    asked = rendered(tools=[strict])
    tool = asked.body["tools"][0]
    assert tool["strict"] is True
    assert tool["input_schema"]["additionalProperties"] is False
    assert tool["input_schema"]["properties"]["tide"] == {"type": "integer", "description": '{"minimum":0}'}
    assert asked.dropped == ("tools.parameters.minimum",)
    older = rendered("claude-sonnet-4-0", tools=[strict])
    assert "strict" not in older.body["tools"][0]
    assert older.dropped == ("tools.strict",)


def test_tools_that_take_no_json_are_refused() -> None:
    with pytest.raises(NotCarried) as refused:
        sent(tools=[{"type": "custom", "custom": {"name": "grep"}}])
    assert refused.value.param == "tools[0].type"


# The form of the answer


def test_a_schema_becomes_the_format_of_the_output() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "tide", "strict": True, "schema": SCHEMA}}
    asked = rendered(response_format=wanted)
    assert asked.body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"tide": {"type": "integer", "description": '{"minimum":0}'}},
                "required": ["tide"],
                "additionalProperties": False,
            },
        }
    }
    assert asked.dropped == ("response_format.schema.minimum",)
    assert asked.betas == ()
    with pytest.raises(NotCarried):
        rendered("claude-sonnet-4-0", response_format=wanted)


def test_json_without_a_schema_is_asked_for_in_words_and_said_to_be_no_more() -> None:
    asked = rendered(response_format={"type": "json_object"})
    assert "JSON" in asked.body["system"][-1]["text"]
    assert asked.dropped == ("response_format",)
    assert "system" not in sent(response_format={"type": "text"})


# The caller's own body


def test_who_speaks_messages_is_taken_at_his_word() -> None:
    native = {"model": "m", "max_tokens": 9, "messages": [], "mcp_servers": [{"name": "x"}]}
    request = chat(
        {"model": "m", "messages": SAY_HI, "seed": 1},
        native=native,
        dialect="anthropic_messages",
        headers={"anthropic-beta": "mcp-client-2025-04-04, x"},
    )
    asked = render_messages(request, "claude-opus-5")
    assert asked.body == {**native, "model": "claude-opus-5"}
    assert asked.betas == ("mcp-client-2025-04-04", "x")
    assert asked.dropped == ()
    assert json.dumps(native).count("claude") == 0
