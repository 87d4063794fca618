"""OpenAI's messages as Anthropic's."""

import base64
from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.anthropic import render_messages
from backends.providers.anthropic.request import Rendered
from tests.backends.anthropic.played import chat

PIXEL = base64.b64encode(b"\x89PNG").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
CALL = {"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": '{"pier": 9}'}}


def rendered(*messages: dict[str, Any], model: str = "claude-sonnet-4-5", **fields: Any) -> Rendered:
    return render_messages(chat({"model": "m", "messages": list(messages), **fields}), model)


def user_part(part: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = rendered({"role": "user", "content": [part]}).body["messages"][0]["content"]
    assert len(content) == 1
    return content[0]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_instructions_stand_beside_the_conversation_in_their_order() -> None:
    body = rendered(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "developer", "content": [{"type": "text", "text": "Say ahoy."}]},
    ).body
    assert body["system"] == [text("Be brief."), text("Say ahoy.")]
    assert body["messages"] == [{"role": "user", "content": [text("Hi")]}]


def test_what_follows_each_other_in_one_role_becomes_one_message() -> None:
    body = rendered(
        {"role": "user", "content": "One"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "Three", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "high"},
        {"role": "tool", "tool_call_id": "call_2", "content": "low"},
        {"role": "user", "content": "And now?"},
    ).body
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [text("One"), text("two")]
    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]
    assert body["messages"][1]["content"][1] == {
        "type": "tool_use",
        "id": "call_1",
        "name": "tide",
        "input": {"pier": 9},
    }
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "high"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": "low"},
        text("And now?"),
    ]


def test_blank_texts_and_empty_messages_are_left_out() -> None:
    body = rendered(
        {"role": "user", "content": [text(" "), text("Hi")]},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Still there?"},
    ).body
    assert body["messages"] == [{"role": "user", "content": [text("Hi"), text("Still there?")]}]


def test_a_begun_answer_does_not_end_in_blanks() -> None:
    body = rendered({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ahoy, \n"}).body
    assert body["messages"][-1]["content"] == [text("Ahoy,")]


def test_the_callers_own_messages_are_not_changed() -> None:
    messages = [{"role": "user", "content": [text("Hi")], "cache_control": {"type": "ephemeral"}}]
    rendered(*messages)
    assert messages == [{"role": "user", "content": [text("Hi")], "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://sea.example/a.png", "detail": "low"}},
            {"type": "image", "source": {"type": "url", "url": "https://sea.example/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/webp;base64,{PIXEL}"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": PIXEL}},
        ),
        (
            {"type": "file", "file": {"filename": "log.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "log.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": PDF}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        ),
        (
            {"type": "file", "file": {"file_data": "https://sea.example/log.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://sea.example/log.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;charset=utf-8;base64,R2FsZQ=="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Gale"}},
        ),
        (
            {"type": "file", "file": {"file_data": f"data:image/png;base64,{PIXEL}"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ),
        (text("Hi", cache_control={"type": "ephemeral"}), text("Hi", cache_control={"type": "ephemeral"})),
    ],
)
def test_a_part_becomes_a_block(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert user_part(part) == block


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "messages[0].content[0].type"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,raw"}}, "messages[0].content[0].image_url.url"),
        ({"type": "image_url"}, "messages[0].content[0].image_url.url"),
        ({"type": "file", "file": {"file_id": "file-abc"}}, "messages[0].content[0].file.file_id"),
        (
            {"type": "file", "file": {"file_data": "data:video/mp4;base64,AAAA"}},
            "messages[0].content[0].file.file_data",
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}},
            "messages[0].content[0].file.file_data",
        ),
        (7, "messages[0].content[0].type"),
    ],
)
def test_a_part_without_an_equal_is_refused_by_its_place(part: Any, param: str) -> None:
    with pytest.raises(NotCarried) as refused:
        user_part(part)
    assert refused.value.param == param


def test_anthropics_own_file_is_named_with_its_beta() -> None:
    asked = rendered({"role": "user", "content": [{"type": "file", "file": {"file_id": "file_011abc"}}]})
    assert asked.body["messages"][0]["content"][0]["source"] == {"type": "file", "file_id": "file_011abc"}
    assert asked.betas == ("files-api-2025-04-14",)


def test_a_tools_result_may_hold_images_and_may_be_an_error() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [text("See:"), picture], "is_error": True}
    body = rendered({"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [CALL]}, result).body
    block = body["messages"][2]["content"][0]
    assert [part["type"] for part in block["content"]] == ["text", "image"]
    assert block["is_error"] is True


def test_ids_of_other_providers_are_changed_alike_in_call_and_result() -> None:
    odd = {**CALL, "id": "functions.tide:0"}
    body = rendered(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [odd]},
        {"role": "tool", "tool_call_id": "functions.tide:0", "content": "high"},
    ).body
    assert body["messages"][1]["content"][0]["id"] == "functions_tide_0"
    assert body["messages"][2]["content"][0]["tool_use_id"] == "functions_tide_0"


def test_cache_control_on_a_message_marks_its_end() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = rendered(
        {"role": "system", "content": "Be brief.", "cache_control": mark},
        {"role": "user", "content": [text("One"), text("two")], "cache_control": mark},
    ).body
    assert body["system"] == [text("Be brief.", cache_control=mark)]
    assert body["messages"][0]["content"] == [text("One"), text("two", cache_control=mark)]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"'])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    call = {**CALL, "function": {"name": "tide", "arguments": arguments}}
    with pytest.raises(NotCarried) as refused:
        rendered({"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]})
    assert refused.value.param == "messages[1].tool_calls[0].function.arguments"


def test_names_of_speakers_are_left_out_and_named() -> None:
    assert rendered({"role": "user", "content": "Hi", "name": "anne"}).dropped == ("messages.name",)


# Reasoning that comes back


def test_thinking_comes_back_before_the_tools_in_the_pieces_in_which_it_was_streamed() -> None:
    details = [
        {"type": "reasoning.text", "text": "Two ", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "ferries.", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "c2VhbA==", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1", "index": 2},
        {"type": "reasoning.text", "text": "unsigned", "format": "anthropic-claude-v1", "index": 3},
    ]
    body = rendered(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "I look.", "reasoning_details": details, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "high"},
    ).body
    assert body["messages"][1]["content"][:3] == [
        {"type": "thinking", "thinking": "Two ferries.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2VhbA=="},
        text("I look."),
    ]


def test_what_anthropics_own_tools_did_comes_back_in_its_place() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "buoys"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    thought = {"type": "reasoning.text", "text": "?", "signature": "s", "format": "anthropic-claude-v1", "index": 1}
    message = {
        "role": "assistant",
        "content": "Red is port.",
        "reasoning_details": [thought],
        "server_tool_blocks": [{**use, "index": 0}, {**found, "index": 2}],
    }
    body = rendered({"role": "user", "content": "Hi"}, message).body
    thinking = {"type": "thinking", "thinking": "?", "signature": "s"}
    assert body["messages"][1]["content"] == [use, thinking, found, text("Red is port.")]


def test_thinking_of_others_within_the_content_is_left_out() -> None:
    content = [{"type": "thinking", "thinking": [text("Hm")]}, text("Ahoy")]
    body = rendered({"role": "assistant", "content": content}, {"role": "user", "content": "Hi"}).body
    assert body["messages"][0]["content"] == [text("Ahoy")]
