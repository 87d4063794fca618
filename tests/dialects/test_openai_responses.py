"""The Responses API as callers speak it: what a request comes to in chat, and what an answer comes to here."""

from typing import Any

import orjson
import pytest

from backends.types import ChatRequest, Usage
from gateway.dialects.openai_responses import LONGEST_MODEL_NAME, OpenAIResponses
from gateway.dialects.openai_responses_turn import ResponsesTurn, listed, our_stem
from gateway.errors import InvalidRequest, NotFound

STEM = "hr" + "0a" * 16


def parse(**fields: Any) -> ChatRequest:
    return OpenAIResponses().parse(orjson.dumps({"model": "m", "input": "hi", **fields}), {})


def messages(*items: Any, **fields: Any) -> list[dict[str, Any]]:
    return list(parse(input=list(items), **fields).body["messages"])


def refused(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(**fields)
    return caught.value


def answer(message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "chatcmpl-9", "model": "lamp-2", "created": 1771000001, "choices": [choice], **more}


def render(message: dict[str, Any], finish: str = "stop", usage: Usage | None = None, **asked: Any) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(OpenAIResponses().render(parse(**asked), answer(message, finish), usage))
    return made


# Requests


def test_a_string_is_a_users_message_and_instructions_come_first() -> None:
    assert parse(instructions="Be brief.").body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]


def test_parts_of_every_kind_have_their_counterpart() -> None:
    parts = [
        {"type": "input_text", "text": "See:", "cache_control": {"type": "ephemeral"}},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "file_url": "https://files.example/b.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    assert messages({"role": "user", "content": parts})[0]["content"] == [
        {"type": "text", "text": "See:", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "https://files.example/b.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]


def test_the_items_of_one_turn_are_one_message() -> None:
    image = {"type": "input_image", "image_url": "https://pics.example/1.png"}
    made = messages(
        {"role": "user", "content": "Lamps?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":1}'},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": '{"at":2}'},
        {"type": "function_call_output", "call_id": "c1", "output": "on"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "off"}, image]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One is on."}]},
    )
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "tool", "assistant"]
    assert made[1] == {
        "role": "assistant",
        "content": "I look.",
        "reasoning_content": "Hm.",
        "reasoning": "Hm.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "look", "arguments": '{"at":2}'}},
        ],
    }
    assert made[2] == {"role": "tool", "tool_call_id": "c1", "content": "on"}
    assert made[3]["content"] == [
        {"type": "text", "text": "off"},
        {"type": "image_url", "image_url": {"url": "https://pics.example/1.png"}},
    ]


def test_two_messages_of_the_assistant_stay_two_and_refusals_are_refusals() -> None:
    made = messages(
        {"role": "assistant", "content": "One."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
    )
    assert made[0] == {"role": "assistant", "content": "One."}
    assert made[1]["refusal"] == "No."
    assert made[1]["content"] is None
    assert made[1]["reasoning"] == "Hm."


def test_what_openai_encrypted_is_carried_as_its_own() -> None:
    summary = [{"type": "summary_text", "text": "Lamps."}]
    item = {"type": "reasoning", "id": "rs_68", "summary": summary, "encrypted_content": "gAAAA"}
    assert messages(item)[0]["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "Lamps.", "format": "openai-responses-v1", "index": 0},
        {
            "type": "reasoning.encrypted",
            "data": "gAAAA",
            "format": "openai-responses-v1",
            "id": "rs_68",
            "index": 1,
        },
    ]


def test_limits_formats_and_reasoning_have_their_names_in_chat() -> None:
    schema = {"type": "object", "properties": {}}
    body = parse(
        max_output_tokens=50,
        top_logprobs=3,
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}, "verbosity": "low"},
        reasoning={"effort": "low"},
        temperature=0.5,
        parallel_tool_calls=False,
        prompt_cache_key="k",
        store=True,
        stream=True,
        stream_options={"include_obfuscation": False},
        tools=[{"type": "function", "name": "f", "parameters": schema, "strict": None}],
        tool_choice={"type": "function", "name": "f"},
        top_k=4,
    ).body
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 50,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}},
        "verbosity": "low",
        "reasoning_effort": "low",
        "temperature": 0.5,
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "stream": True,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "top_k": 4,
    }
    assert parse(text={"format": {"type": "json_object"}}).body["response_format"] == {"type": "json_object"}
    assert "response_format" not in parse(text={"format": {"type": "text"}}).body
    assert parse(reasoning={"max_tokens": 9, "effort": "low"}).body["reasoning"] == {"max_tokens": 9, "effort": "low"}


def test_allowed_tools_are_the_only_tools() -> None:
    tools = [{"type": "function", "name": name, "parameters": {}} for name in ("a", "b")]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    body = parse(tools=tools, tool_choice=choice).body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["b"]
    assert body["tool_choice"] == "required"


def test_without_tools_nothing_is_said_of_tools() -> None:
    body = parse(tools=[], tool_choice="auto", parallel_tool_calls=True).body
    assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "custom", "name": "patch", "format": {"type": "grammar"}}]}, "tools[0]"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"previous_response_id": "resp_68"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_68"}]}, "input[0]"),
        ({"input": [{"id": "msg_68"}]}, "input[0]"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
            "input[0].content[0]",
        ),
    ],
)
def test_what_chat_has_no_words_for_is_named_and_kept_for_who_has(fields: dict[str, Any], param: str) -> None:
    chat = parse(**fields)
    assert chat.untranslated is not None
    assert chat.untranslated[0] == param
    assert chat.native is not None
    assert chat.native.items() >= fields.items()


def test_what_can_merely_not_be_honoured_is_named() -> None:
    chat = parse(truncation="auto", include=["file_search_call.results"], max_tool_calls=2, context_management=[{}])
    assert chat.ignored == ("truncation", "context_management", "max_tool_calls", "include")
    assert chat.untranslated is None
    assert parse(truncation="disabled", include=["reasoning.encrypted_content"]).ignored == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": "x" * (LONGEST_MODEL_NAME + 1)}, "model"),
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0]"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0]"),
        ({"stream": "yes"}, "stream"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": 7, "tools": [{"type": "function", "name": "f"}]}, "tool_choice"),
        ({"background": True}, "background"),
        ({"previous_response_id": 7}, "previous_response_id"),
    ],
)
def test_each_mistake_names_its_field(fields: dict[str, Any], param: str) -> None:
    error = refused(**fields)
    assert (error.status, error.param) == (400, param)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"model":"m","input":"x","y":' + b"[" * 400 + b"]" * 400 + b"}"])
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        OpenAIResponses().parse(body, {})


def test_bytes_are_kept_unless_a_field_could_stand_in_them_twice() -> None:
    plain = b'{"model":"m","input":"hi"}'
    assert OpenAIResponses().parse(plain, {}).raw is plain
    assert OpenAIResponses().parse(b'{"model":"a","input":"hi","model":"m"}', {}).raw == b'{"model":"m","input":"hi"}'


# Answers


def test_an_answer_is_a_response() -> None:
    made = render(
        {"content": "On.", "reasoning_content": "Hm.", "reasoning": "Hm."},
        usage=Usage(3, 4, 1, 5, 6),
        temperature=0.1,
        metadata={"a": "b"},
    )
    assert (made["object"], made["status"], made["model"], made["created_at"]) == (
        "response",
        "completed",
        "lamp-2",
        1771000001,
    )
    assert (made["temperature"], made["metadata"], made["store"]) == (0.1, {"a": "b"}, True)
    assert [item["type"] for item in made["output"]] == ["reasoning", "message"]
    assert made["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert made["output"][1]["content"] == [{"type": "output_text", "text": "On.", "annotations": [], "logprobs": []}]
    assert made["usage"] == {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 19,
    }


@pytest.mark.parametrize(
    ("finish", "message", "status", "reason"),
    [
        ("stop", {"content": "x"}, "completed", None),
        ("tool_calls", {"content": "x"}, "completed", None),
        ("length", {"content": "x"}, "incomplete", "max_output_tokens"),
        ("content_filter", {"content": "x"}, "incomplete", "content_filter"),
        ("content_filter", {"content": None, "refusal": "No."}, "completed", None),
    ],
)
def test_how_an_answer_ended(finish: str, message: dict[str, Any], status: str, reason: str | None) -> None:
    made = render(message, finish)
    assert made["status"] == made["output"][-1]["status"] == status
    assert (made["incomplete_details"] or {}).get("reason") == reason


def test_calls_refusals_and_citations() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    cited = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    other = {"type": "citation", "document": 3}
    made = render({"content": "See.", "annotations": [cited, other], "tool_calls": [call]})["output"]
    assert made[0]["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 0}
    ]
    assert made[0]["content"][0]["citations"] == [other]
    assert (made[1]["call_id"], made[1]["name"], made[1]["arguments"]) == ("c1", "f", "{}")
    assert render({"content": None, "refusal": "No."})["output"][0]["content"] == [
        {"type": "refusal", "refusal": "No."}
    ]


@pytest.mark.parametrize(
    "details",
    [
        [{"type": "reasoning.text", "text": "Hm.", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}],
        [
            {"type": "reasoning.text", "text": "Hm.", "format": "google-gemini-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "dA==", "id": "c1", "format": "google-gemini-v1", "index": 1},
        ],
        [{"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_68", "format": "openai-responses-v1", "index": 0}],
    ],
    ids=["claude", "gemini", "openai"],
)
def test_reasoning_survives_the_way_through_the_caller_and_back(details: list[dict[str, Any]]) -> None:
    text = "".join(detail.get("text", "") for detail in details)
    first = render({"content": "On.", "reasoning_details": details, "reasoning": text})["output"]
    back = messages(*orjson.loads(orjson.dumps(first)))
    if details[0]["format"] == "openai-responses-v1":
        assert first[0]["encrypted_content"] == "gAAAA"
        assert back[0]["reasoning_details"][0]["data"] == "gAAAA"
    else:
        assert back == [
            {"role": "assistant", "content": "On.", "reasoning": text, "reasoning_content": text}
            | {"reasoning_details": details}
        ]


@pytest.mark.parametrize("sealed", ["hr1.", "hr1.%%%", "hr1.bm9uc2Vuc2U=", "hr1.e30=", "hr1.é"])
def test_reasoning_that_somebody_changed_is_left_out(sealed: str) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed}
    assert messages(item)[0] == {"role": "assistant", "content": ""}


def test_errors_have_openais_shape() -> None:
    dialect, error = OpenAIResponses(), NotFound("no", code="model_not_found", param="model")
    assert orjson.loads(dialect.render_error(error))["error"]["code"] == "model_not_found"
    name, data = dialect.stream_error(error).strip().split(b"\n")
    told = orjson.loads(data[6:])
    assert name == b"event: error"
    assert (told["type"], told["code"], told["message"], told["sequence_number"]) == (
        "error",
        "model_not_found",
        "no",
        0,
    )
    assert told["error"]["metadata"]["origin"] == "caller"


# One request and what came before it


def test_ids_of_ours_are_told_from_others() -> None:
    assert our_stem(f"resp_{STEM}") == STEM
    for other in ("resp_68f2a1", f"resp_{STEM}0", f"msg_{STEM}", None, 7):
        assert our_stem(other) is None


def test_a_turn_goes_before_the_request_and_its_id_stays_here() -> None:
    history = [{"type": "message", "role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi."}]
    turn = ResponsesTurn(parse(previous_response_id=f"resp_{STEM}"), STEM, history, kept=True)
    chat = turn.parse(b"", {})
    assert [m["content"] for m in chat.body["messages"]] == ["Hello?", "Hi.", "hi"]
    assert chat.untranslated is None
    sent = orjson.loads(chat.raw)
    assert "previous_response_id" not in sent
    assert len(sent["input"]) == 3
    told = orjson.loads(turn.render(chat, answer({"content": "x"}), None))
    assert (told["id"], told["previous_response_id"], told["store"]) == (f"resp_{STEM}", f"resp_{STEM}", True)
    assert told["output"][0]["id"] == f"msg_{STEM}_0"
    assert turn.response == told


def test_input_is_listed_as_items_with_ids() -> None:
    assert listed("hi", STEM) == [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
            "id": f"msg_{STEM}_i0",
        }
    ]
    call = {"type": "function_call", "id": "fc_68", "call_id": "c", "name": "f", "arguments": "{}"}
    assert listed([call, {"type": "function_call_output", "call_id": "c", "output": "x"}], STEM) == [
        call,
        {"type": "function_call_output", "call_id": "c", "output": "x", "id": f"fco_{STEM}_i1"},
    ]
