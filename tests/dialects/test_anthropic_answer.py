"""Whole answers as messages of Anthropic's, and what comes back with the next turn."""

from typing import Any

import orjson
import pytest
from anthropic.types import Message

from backends.types import ChatRequest, Usage
from gateway.dialects.anthropic_messages import AnthropicMessages

DIALECT = AnthropicMessages()
GOOD: dict[str, Any] = {"model": "asked", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}


def chat(**fields: Any) -> ChatRequest:
    return DIALECT.parse(orjson.dumps({**GOOD, **fields}), {})._replace(created=1_764_060_000)


def rendered(
    message: dict[str, Any], usage: Usage | None = None, asked: ChatRequest | None = None, **choice: Any
) -> dict[str, Any]:
    """The message; it must be one by the official client's types."""
    answer = {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1,
        "model": "qwen3",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}, **choice}],
    }
    made: dict[str, Any] = orjson.loads(DIALECT.render(asked or chat(), answer, usage))
    Message.model_validate(made)
    return made


def returned(made: dict[str, Any]) -> dict[str, Any]:
    """The message as it comes back with the next turn, in a chat's words."""
    turns = [*GOOD["messages"], {"role": "assistant", "content": made["content"]}, {"role": "user", "content": "And?"}]
    said: dict[str, Any] = chat(messages=turns).body["messages"][1]
    return said


def test_text_and_usage_in_classes_that_do_not_overlap() -> None:
    made = rendered({"content": "Hello."}, Usage(10, 20, 30, 4, 5))
    assert made == {
        "id": "chatcmpl-7",
        "type": "message",
        "role": "assistant",
        "model": "qwen3",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 30,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    }


def test_thinking_that_nobody_signed_comes_back_as_it_was() -> None:
    made = rendered({"content": "Four.", "reasoning": "Two and two."})
    assert [block["type"] for block in made["content"]] == ["thinking", "text"]
    said = returned(made)
    assert (said["content"], said["reasoning_content"], said["reasoning"]) == ("Four.", "Two and two.", "Two and two.")


@pytest.mark.parametrize(
    "details",
    [
        [{"type": "reasoning.text", "text": "Hm.", "signature": "EqX", "format": "anthropic-claude-v1", "index": 0}],
        [{"type": "reasoning.encrypted", "data": "EmX", "format": "anthropic-claude-v1", "index": 0}],
        [{"type": "reasoning.text", "text": "Hm.", "signature": "AY", "format": "google-gemini-v1", "index": 0}],
        [
            {"type": "reasoning.summary", "summary": "Hm.", "format": "openai-responses-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "gA", "format": "openai-responses-v1", "id": "rs", "index": 1},
        ],
        [{"type": "reasoning.encrypted", "data": "AY", "format": "google-gemini-v1", "id": "call_1", "index": 0}],
    ],
    ids=["claude", "claude redacted", "gemini", "openai", "gemini, of a call"],
)
def test_what_a_provider_wants_to_see_again_survives_the_round_trip(details: list[dict[str, Any]]) -> None:
    text = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    reasoning = {"reasoning_content": text, "reasoning": text} if text else {}
    said = returned(rendered({"content": "Yes.", "reasoning_details": details, **reasoning}))
    assert said["reasoning_details"] == details
    assert said.get("reasoning_content", "") == text


def test_text_beside_details_that_have_none_is_sealed_together_with_them() -> None:
    detail = {"type": "reasoning.encrypted", "data": "gA", "format": "openai-responses-v1", "index": 0}
    made = rendered({"content": "Yes.", "reasoning": "Hm.", "reasoning_details": [detail]})
    assert [block["type"] for block in made["content"]] == ["thinking", "text"]
    assert returned(made)["reasoning_details"] == [detail]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"a": 1}', {"a": 1}), ("", {}), ("null", {}), ('{"a": ', {"INVALID_JSON": '{"a": '}), ({"a": 1}, {"a": 1})],
)
def test_calls_have_an_object_as_their_input(arguments: Any, expected: dict[str, Any]) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    made = rendered({"content": "\n\n", "tool_calls": calls})
    assert made["content"] == [{"type": "tool_use", "id": "c1", "name": "f", "input": expected}]
    assert made["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"finish_reason": "length"}, ("max_tokens", None)),
        ({"finish_reason": "content_filter"}, ("refusal", None)),
        ({"finish_reason": "stop", "stop_reason": "END"}, ("stop_sequence", "END")),
        ({"finish_reason": "stop", "stop_reason": 151_645}, ("end_turn", None)),
        ({"finish_reason": "stop", "stop_reason": "of its own"}, ("end_turn", None)),
        ({"finish_reason": "stop", "native_finish_reason": "pause_turn"}, ("pause_turn", None)),
        (
            {"finish_reason": "length", "native_finish_reason": "model_context_window_exceeded"},
            ("model_context_window_exceeded", None),
        ),
        ({"finish_reason": "eos"}, ("end_turn", None)),
        ({"finish_reason": None}, ("end_turn", None)),
    ],
)
def test_why_it_stopped(choice: dict[str, Any], expected: tuple[str, str | None]) -> None:
    made = rendered({"content": "x"}, asked=chat(stop_sequences=["END"]), **choice)
    assert (made["stop_reason"], made["stop_sequence"]) == expected


def test_a_refusal_is_told_in_its_words() -> None:
    made = rendered({"content": None, "refusal": "I can't."})
    assert (made["content"], made["stop_reason"]) == ([{"type": "text", "text": "I can't."}], "refusal")


def test_citations_of_anthropics_are_restored_and_sources_on_the_web_become_some() -> None:
    cited = {"type": "citation", "location_type": "char_location", "cited_text": "a", "document_index": 0}
    place = {"start_char_index": 0, "end_char_index": 1, "start_index": 5, "end_index": 9}
    web = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0}}
    (text,) = rendered({"content": "x", "annotations": [{**cited, **place}, web, {"type": "odd"}]})["content"]
    first, second = text["citations"]
    assert first == {
        "type": "char_location",
        "cited_text": "a",
        "document_index": 0,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    assert (second["type"], second["url"]) == ("web_search_result_location", "https://a.example")


def test_an_answer_without_a_name_or_a_model_gets_them() -> None:
    made = orjson.loads(DIALECT.render(chat(), {"choices": []}, None))
    assert (made["id"], made["model"], made["content"]) == (f"msg_{1_764_060_000:x}", "asked", [])
