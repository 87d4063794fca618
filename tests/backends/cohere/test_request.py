"""Chats as requests of Cohere's v2 chat."""

import json
from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.cohere import CohereAdapter
from backends.types import Clocks, UpstreamRequest
from tests.backends.cohere.played import asked, fixture, named, target

HELLO = {"role": "user", "content": "Hello"}
LAMP = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object", "properties": {}}}}
BELL = {"type": "function", "function": {"name": "bell", "parameters": {"type": "object", "properties": {}}}}


def built(model: str = "command-a-03-2025", **body: Any) -> UpstreamRequest:
    chat = asked({"model": "m", "messages": [HELLO], **body})
    return CohereAdapter().build_request(chat, target(model), Clocks())


def sent(model: str = "command-a-03-2025", **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(built(model, **body).body)
    return found


@pytest.mark.parametrize("name", named("request"))
def test_a_chat_becomes_the_request_that_cohere_knows(name: str) -> None:
    said = fixture(name)
    request = CohereAdapter().build_request(asked(said["chat"]), target(said["model"]), Clocks())
    assert json.loads(request.body) == said["body"]
    assert sorted(request.dropped) == sorted(said["dropped"])
    assert request.url == "https://api.cohere.com/v2/chat"
    assert request.headers["authorization"] == "Bearer co-key"
    assert "co-key" not in repr(request)


@pytest.mark.parametrize(("choice", "expected"), [("auto", None), ("none", "NONE"), ("required", "REQUIRED")])
def test_tool_choices_are_carried(choice: str, expected: str | None) -> None:
    assert sent(tools=[LAMP], tool_choice=choice).get("tool_choice") == expected


def test_a_tool_is_chosen_by_being_the_only_one() -> None:
    body = sent(tools=[LAMP, BELL], tool_choice={"type": "function", "function": {"name": "bell"}})
    assert [tool["function"]["name"] for tool in body["tools"]] == ["bell"]
    assert body["tool_choice"] == "REQUIRED"


def test_allowed_tools_are_the_only_ones() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [LAMP]}}
    body = sent(tools=[LAMP, BELL], tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["lamp"]
    assert "tool_choice" not in body


def test_strictness_binds_all_tools_or_none() -> None:
    strict = {"type": "function", "function": {**LAMP["function"], "strict": True}}  # type: ignore[dict-item]
    assert sent(tools=[strict])["strict_tools"] is True
    mixed = built(tools=[strict, BELL])
    assert "strict_tools" not in json.loads(mixed.body)
    assert mixed.dropped == ("tools.strict",)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"reasoning": {"max_tokens": 700}}, {"type": "enabled", "token_budget": 700}),
        ({"reasoning": {"enabled": False}}, {"type": "disabled"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {"type": "enabled", "token_budget": 9}),
        ({}, None),
    ],
)
def test_thinking_is_asked_for_in_coheres_words(wish: Any, expected: Any) -> None:
    assert sent("command-a-reasoning-08-2025", **wish).get("thinking") == expected
    assert built("command-a-reasoning-08-2025", **wish).dropped == ()


def test_a_model_that_never_thinks_is_not_asked_to() -> None:
    assert built(reasoning_effort="high").dropped == ("reasoning_effort",)
    assert built(reasoning_effort="none").dropped == ()
    assert "thinking" not in sent(reasoning_effort="high")


def test_json_is_asked_for_with_and_without_a_schema() -> None:
    assert sent(response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}
    assert "response_format" not in sent(response_format={"type": "text"})


def test_documents_in_a_tools_result_pass_in_coheres_own_words() -> None:
    document = {"type": "document", "document": {"id": "d", "data": {"text": "x"}}}
    messages = [HELLO, {"role": "tool", "tool_call_id": "c", "content": [document, {"type": "text", "text": "y"}]}]
    assert sent(messages=messages)["messages"][1]["content"] == [document, {"type": "text", "text": "y"}]


def test_old_function_calls_are_tool_calls() -> None:
    messages = [
        HELLO,
        {"role": "assistant", "content": None, "function_call": {"name": "lamp", "arguments": "{}"}},
        {"role": "function", "name": "lamp", "content": "on"},
    ]
    _, call, result = sent(messages=messages, functions=[LAMP["function"]])["messages"]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"] == "lamp"


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("n", 2, "n"),
        ("modalities", ["audio"], "modalities"),
        ("stop", ["a", "b", "c", "d", "e", "f"], "stop"),
        ("tools", [{"type": "web_search"}], "tools[0]"),
        ("tool_choice", {"type": "custom"}, "tool_choice"),
        ("response_format", {"type": "json_schema"}, "response_format"),
        ("messages", [], "messages"),
        (
            "messages",
            [
                {
                    "role": "user",
                    "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ=="}}],
                }
            ],
            "messages[0].content[0]",
        ),
        (
            "messages",
            [{"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            "messages[0].content[0]",
        ),
    ],
)
def test_what_cohere_has_no_words_for_is_refused_by_name(field: str, value: Any, param: str) -> None:
    with pytest.raises(NotCarried) as refused:
        sent(**{field: value})
    assert refused.value.param == param


def test_other_routes_are_not_served() -> None:
    chat = asked({"model": "m", "prompt": "x"}, dialect="openai_images")
    with pytest.raises(NotCarried) as refused:
        CohereAdapter().build_request(chat, target(), Clocks())
    assert refused.value.param == "model"
