"""A chat of OpenAI's in Gemini's words."""

from typing import Any

import orjson
import pytest

from backends.errors import NotCarried
from backends.providers.gemini import GeminiAdapter
from backends.types import Clocks, Target, UpstreamRequest
from tests.backends.gemini.common_form import chat

HI = [{"role": "user", "content": "Hi"}]


def target(model: str = "gemini-2.5-flash") -> Target:
    return Target("google", "gemini", model, "https://gemini.example", "gemini.example", api_key="key-0123456789")


def build(body: dict[str, Any], model: str = "gemini-2.5-flash", *, stream: bool = False) -> UpstreamRequest:
    return GeminiAdapter().build_request(chat({"messages": HI, **body}, stream=stream), target(model), Clocks())


def sent(body: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    request = build(body, model)
    assert request.dropped == ()
    return dict(orjson.loads(request.body))


def config(body: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    return dict(sent(body, model)["generationConfig"])


# Where it goes


def test_the_model_stands_in_the_url_and_the_key_in_a_header_only() -> None:
    request = build({"model": "asked-for"})
    assert request.url == "https://gemini.example/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers["x-goog-api-key"] == "key-0123456789"
    assert b"model" not in request.body
    assert "key-0123456789" not in f"{request!r}"


def test_a_stream_is_asked_for_as_events() -> None:
    request = build({"stream": True, "stream_options": {"include_usage": True}}, stream=True)
    assert request.url.endswith(":streamGenerateContent?alt=sse")
    assert request.stream
    assert request.dropped == ()


def test_headers_are_made_once_for_a_target() -> None:
    assert build({}).headers is build({"n": 2}).headers


def test_a_tuned_model_says_where_it_is() -> None:
    assert build({}, "tunedModels/mine-1").url == "https://gemini.example/v1beta/tunedModels/mine-1:generateContent"


@pytest.mark.parametrize("model", ["../x", "a/../b", "m?key=1", "m#x", "m:countTokens", "a//b", "", "m%2e", ".x"])
def test_a_models_name_leads_nowhere_else(model: str) -> None:
    with pytest.raises(NotCarried) as refused:
        build({}, model)
    assert refused.value.param == "model"


# Sampling, and what has a name of its own


def test_what_only_has_another_name_is_renamed() -> None:
    asked = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 4,
        "n": 2,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "max_completion_tokens": 9,
        "stop": "END",
    }
    assert config(asked) == {
        "temperature": 0,
        "topP": 0.5,
        "topK": 4,
        "candidateCount": 2,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
    }


def test_nothing_is_asked_that_the_caller_did_not_ask() -> None:
    assert sent({"temperature": None, "stop": None, "tools": None, "service_tier": "auto"}) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]
    }


def test_what_cannot_be_honoured_is_named() -> None:
    request = build({"logit_bias": {"1": 2}, "user": "u", "prediction": {}, "min_p": 0.1, "parallel_tool_calls": False})
    assert set(request.dropped) == {"logit_bias", "user", "prediction", "min_p", "parallel_tool_calls"}


def test_the_gateways_own_fields_are_not_named() -> None:
    assert build({"models": ["a"], "provider": {"order": ["x"]}, "usage": {"include": True}}).dropped == ()


def test_tiers_have_googles_names() -> None:
    assert sent({"service_tier": "flex"})["service_tier"] == "flex"
    assert sent({"service_tier": "default"})["service_tier"] == "standard"
    assert build({"service_tier": "scale"}).dropped == ("service_tier",)


# Output formats


def test_a_schema_goes_up_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert config({"response_format": form}) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }
    assert config({"response_format": {"type": "json_object"}}) == {"responseMimeType": "application/json"}
    assert "generationConfig" not in sent({"response_format": {"type": "text"}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_format", {"type": "grammar"}),
        ("modalities", ["audio"]),
        ("tools", [{"type": "custom", "custom": {"name": "x"}}]),
    ],
)
def test_what_would_change_the_question_is_not_carried(field: str, value: object) -> None:
    with pytest.raises(NotCarried) as refused:
        build({field: value})
    assert refused.value.param.startswith(field)


def test_images_are_asked_for_by_modality() -> None:
    assert config({"modalities": ["text", "image"]}) == {"responseModalities": ["TEXT", "IMAGE"]}
    assert "generationConfig" not in sent({"modalities": ["text"]})


def test_other_routes_are_not_carried() -> None:
    with pytest.raises(NotCarried):
        GeminiAdapter().build_request(chat({"prompt": "x"}, dialect="openai_completions"), target(), Clocks())


# Thinking


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        ("gemini-2.5-flash", {"reasoning_effort": "low"}, {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"reasoning_effort": "high"}, {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", {"reasoning": {"max_tokens": 500}}, {"thinkingBudget": 500, "includeThoughts": True}),
        (
            "gemini-2.5-pro",
            {"reasoning": {"effort": "medium", "exclude": True}},
            {"thinkingBudget": 8192, "includeThoughts": False},
        ),
        ("gemini-2.5-flash", {"reasoning": {"enabled": True}}, {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-2.5-flash", {"reasoning": {"enabled": False}}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"reasoning": {"exclude": True}}, {"includeThoughts": False}),
        ("gemini-3-flash-preview", {"reasoning": {"enabled": True}}, {"includeThoughts": True}),
        ("gemini-2.5-flash", {"include_reasoning": True}, {"includeThoughts": True}),
        (
            "gemini-2.5-flash",
            {"include_reasoning": False, "reasoning_effort": "low"},
            {"thinkingBudget": 1024, "includeThoughts": False},
        ),
        (
            "gemini-3-flash-preview",
            {"reasoning_effort": "minimal"},
            {"thinkingLevel": "minimal", "includeThoughts": True},
        ),
        ("gemini-3.1-pro-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
    ],
)
def test_efforts_become_levels_or_budgets(model: str, asked: dict[str, Any], thinking: dict[str, Any]) -> None:
    assert config(asked, model)["thinkingConfig"] == thinking


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-2.5-pro", {"thinkingBudget": 128}),
        ("gemini-3.1-pro-preview", {"thinkingLevel": "low"}),
        ("gemini-3-flash-preview", {"thinkingLevel": "minimal"}),
    ],
)
def test_who_cannot_stop_thinking_thinks_least_and_the_caller_is_told(model: str, thinking: dict[str, Any]) -> None:
    request = build({"reasoning_effort": "none"}, model)
    assert orjson.loads(request.body)["generationConfig"]["thinkingConfig"] == thinking
    assert request.dropped == ("reasoning_effort",)


def test_an_effort_of_no_known_name_is_left_to_the_model_and_named() -> None:
    assert build({"reasoning_effort": "heroic"}).dropped == ("reasoning_effort",)


def test_who_does_not_think_is_not_told_to() -> None:
    request = build({"reasoning_effort": "high"}, "gemini-2.0-flash")
    assert b"thinking" not in request.body
    assert request.dropped == ("reasoning_effort",)
    assert build({"reasoning_effort": "none"}, "gemini-2.0-flash").dropped == ()


# Tools

TIDE = {"type": "object", "properties": {"port": {"type": "string"}}, "additionalProperties": False}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": TIDE, **more}}


def test_functions_are_declared_with_their_schema_as_it_is() -> None:
    tools = [tool("tide", description="Tells tides."), {"type": "function", "function": {"name": "now"}}]
    assert sent({"tools": tools})["tools"] == [
        {
            "functionDeclarations": [
                {"name": "tide", "description": "Tells tides.", "parametersJsonSchema": TIDE},
                {"name": "now"},
            ]
        }
    ]


def test_a_schema_without_properties_is_left_out() -> None:
    empty = {"type": "object", "properties": {}}
    asked = {"tools": [{"type": "function", "function": {"name": "now", "parameters": empty}}]}
    assert sent(asked)["tools"] == [{"functionDeclarations": [{"name": "now"}]}]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "tide"}}, {"mode": "ANY", "allowedFunctionNames": ["tide"]}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "tide"}}]},
            },
            {"mode": "ANY", "allowedFunctionNames": ["tide"]},
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "tide"}}]},
            },
            {"mode": "VALIDATED", "allowedFunctionNames": ["tide"]},
        ),
    ],
)
def test_the_choice_among_tools_becomes_a_mode(choice: object, wanted: dict[str, Any]) -> None:
    assert sent({"tools": [tool("tide")], "tool_choice": choice})["toolConfig"] == {"functionCallingConfig": wanted}


def test_strict_functions_are_validated() -> None:
    asked = {"tools": [tool("tide", strict=True)], "tool_choice": "auto"}
    assert sent(asked)["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert build(asked, "gemini-2.0-flash").dropped == ("tools.function.strict",)


def test_the_older_functions_are_tools() -> None:
    asked = {"functions": [{"name": "tide", "parameters": TIDE}], "function_call": {"name": "tide"}}
    body = sent(asked)
    assert body["tools"] == [{"functionDeclarations": [{"name": "tide", "parametersJsonSchema": TIDE}]}]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["tide"]}}


def test_a_search_of_the_web_is_googles() -> None:
    assert sent({"web_search_options": {}})["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize("tools", [[7], [{}], [{"type": "function"}], [{"type": "function", "function": {}}]])
def test_a_tool_that_is_none_is_not_carried(tools: list[Any]) -> None:
    with pytest.raises(NotCarried):
        build({"tools": tools})


def test_a_choice_that_is_none_is_not_carried() -> None:
    with pytest.raises(NotCarried):
        build({"tools": [tool("tide")], "tool_choice": "sometimes"})


# Gemini's own words


@pytest.mark.parametrize("wrap", [lambda google: {"google": google}, lambda google: {"extra_body": {"google": google}}])
def test_geminis_own_words_go_through(wrap: Any) -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    google = {
        "cached_content": "cachedContents/1",
        "safetySettings": safety,
        "thinking_config": {"include_thoughts": True, "thinking_budget": 5},
        "tools": [{"code_execution": {}}],
        "wish": 1,
    }
    request = build({"tools": [tool("tide")], "reasoning_effort": "high", **wrap(google)})
    body = orjson.loads(request.body)
    assert body["cachedContent"] == "cachedContents/1"
    assert body["safetySettings"] == safety
    assert body["generationConfig"]["thinkingConfig"] == {"includeThoughts": True, "thinkingBudget": 5}
    assert body["tools"][-1] == {"codeExecution": {}}
    assert len(body["tools"]) == 2
    assert request.dropped == ("google.wish",)
