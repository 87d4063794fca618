"""What callers who speak Anthropic's protocol ask, in a chat's words; and how they are told what was wrong."""

from typing import Any

import orjson
import pytest

from backends.types import ChatRequest
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.anthropic_seal import seal
from gateway.errors import InvalidRequest

GOOD: dict[str, Any] = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
CACHED = {"type": "ephemeral"}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def parsed(**fields: Any) -> ChatRequest:
    return AnthropicMessages().parse(orjson.dumps({**GOOD, **fields}), {"anthropic-version": "2023-06-01"})


def chat_of(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parsed(messages=list(messages)).body["messages"]
    return found


def lacking(**fields: Any) -> str | None:
    untranslated = parsed(**fields).untranslated
    return None if untranslated is None else untranslated[0]


def refused(**fields: Any) -> InvalidRequest:
    body = {name: value for name, value in {**GOOD, **fields}.items() if value is not ...}
    with pytest.raises(InvalidRequest) as caught:
        AnthropicMessages().parse(orjson.dumps(body), {})
    return caught.value


# Around the messages


def test_the_callers_bytes_are_kept_beside_their_translation() -> None:
    raw = orjson.dumps(GOOD)
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "a,b", "x-other": "c"}
    chat = AnthropicMessages().parse(raw, headers)
    assert chat.raw is raw
    assert chat.plain
    assert chat.native == GOOD
    assert chat.dialect == "anthropic_messages"
    assert chat.headers == {"anthropic-version": "2023-06-01", "anthropic-beta": "a,b"}
    assert chat.body == {"model": "m", "max_completion_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}


def test_fields_are_said_in_openais_words() -> None:
    chat = parsed(
        stop_sequences=["a", "b"],
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stream=True,
        metadata={"user_id": "u-1"},
        service_tier="standard_only",
    )
    assert chat.stream
    assert chat.body["stop"] == ["a", "b"]
    assert [chat.body[name] for name in ("temperature", "top_p", "top_k", "user")] == [0.5, 0.9, 40, "u-1"]
    assert chat.body["service_tier"] == "default"


def test_a_long_name_of_a_user_becomes_a_short_one_that_is_always_the_same() -> None:
    long = "user_" + "f" * 200
    first, second = (parsed(metadata={"user_id": long}).body["user"] for _ in range(2))
    assert first == second
    assert len(first) == 64
    assert parsed(metadata={"user_id": long + "x"}).body["user"] != first


def test_unknown_fields_are_carried() -> None:
    assert parsed(seed=7, provider={"sort": "price"}).body["provider"] == {"sort": "price"}


@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (None, None, (None, None)),
        ({"type": "disabled"}, None, ("none", None)),
        ({"type": "enabled", "budget_tokens": 1024}, None, ("low", {"max_tokens": 1024})),
        ({"type": "enabled", "budget_tokens": 10_000}, None, ("medium", {"max_tokens": 10_000})),
        ({"type": "enabled", "budget_tokens": 31_999}, None, ("high", {"max_tokens": 31_999})),
        ({"type": "enabled", "budget_tokens": 31_999}, "low", ("low", {"max_tokens": 31_999})),
        ({"type": "adaptive"}, None, ("medium", None)),
        ({"type": "adaptive"}, "max", ("max", None)),
        (None, "xhigh", ("xhigh", None)),
        ({"type": "disabled"}, "high", ("none", None)),
    ],
)
def test_thinking_is_switched_as_everybody_knows_it(thinking: Any, effort: Any, expected: tuple[Any, Any]) -> None:
    fields = {"thinking": thinking} if thinking else {}
    fields |= {"output_config": {"effort": effort}} if effort else {}
    body = parsed(**fields).body
    assert (body.get("reasoning_effort"), body.get("reasoning")) == expected
    assert "thinking" not in body


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_a_schema_for_the_answer(place: str) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "schema": schema}
    body = parsed(**{place: {"format": wanted} if place == "output_config" else wanted}).body
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": True}
    inner = {"type": "array", "items": {**schema, "additionalProperties": True}}
    for loose in ({**schema, "required": []}, {**schema, "required": 7}, {**schema, "properties": {"a": inner}}):
        body = parsed(output_format={"type": "json_schema", "schema": loose}).body
        assert body["response_format"]["json_schema"]["strict"] is False


def test_a_tool_that_is_no_object_is_no_crash_behind_one_that_can_not_be_translated() -> None:
    assert lacking(tools=[{"type": "web_search_20250305", "name": "web_search"}, "f"]) == "tools.0.type"


def test_tools_and_how_they_are_chosen() -> None:
    tool = {
        "name": "f",
        "description": "d",
        "input_schema": {"type": "object"},
        "strict": True,
        "cache_control": CACHED,
    }
    body = parsed(tools=[tool], tool_choice={"type": "any", "disable_parallel_tool_use": True}).body
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function, "cache_control": CACHED}]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
    named = parsed(tools=[tool], tool_choice={"type": "tool", "name": "f"}).body
    assert named["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert "parallel_tool_calls" not in named
    assert parsed(tools=[tool], tool_choice={"type": "none"}).body["tool_choice"] == "none"
    assert "tools" not in parsed(tools=[], tool_choice={"type": "auto"}).body


# The system prompt


def test_a_system_prompt_comes_first() -> None:
    assert parsed(system="Be brief.").body["messages"][0] == {"role": "system", "content": "Be brief."}
    blocks = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    assert parsed(system=blocks).body["messages"][0]["content"] == "Be brief.\n\nBe kind."


def test_marks_for_the_cache_stay_on_their_blocks() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": CACHED}]
    assert parsed(system=blocks).body["messages"][0]["content"] == blocks
    assert chat_of({"role": "user", "content": blocks})[0]["content"] == blocks
    assert parsed(cache_control=CACHED).body["messages"][-1]["cache_control"] == CACHED


def test_a_coding_agents_note_on_billing_is_left_out_for_others_only() -> None:
    note = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.9; cch=0badc;"}
    chat = parsed(system=[note, {"type": "text", "text": "Be brief."}])
    assert chat.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert b"billing" in chat.raw
    assert parsed(system=[note]).body["messages"][0]["role"] == "user"
    assert parsed(system=note["text"] + "\nBe brief.").body["messages"][0]["content"] == "Be brief."


def test_a_system_message_in_the_middle_stays_there() -> None:
    assert chat_of({"role": "user", "content": "Hi"}, {"role": "system", "content": "Now in French."})[1] == {
        "role": "system",
        "content": "Now in French.",
    }


# Messages


def test_results_of_tools_are_messages_of_their_own_and_come_first() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "21 degrees"}
    pictured = {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "see"}, PIXEL]}
    said = chat_of({"role": "user", "content": [result, pictured, {"type": "text", "text": "And now?"}]})
    assert said == [
        {"role": "tool", "tool_call_id": "t1", "content": "21 degrees"},
        {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "see"}, IMAGE_PART]},
        {"role": "user", "content": "And now?"},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [("no such room", "Error: no such room"), ("<tool_use_error>gone", "<tool_use_error>gone"), (None, "Error")],
)
def test_a_tool_that_failed_is_told_in_words(content: Any, expected: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": content}
    assert chat_of({"role": "user", "content": [block]})[0]["content"] == expected


def test_images_and_documents() -> None:
    linked = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    document = {"type": "document", "source": pdf, "title": "a.pdf", "cache_control": CACHED}
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Body"}, "title": "T"}
    content = {"type": "content", "content": [{"type": "text", "text": "C"}, PIXEL]}
    parts = chat_of({"role": "user", "content": [PIXEL, linked, document, plain, {**plain, "source": content}]})
    assert parts[0]["content"] == [
        IMAGE_PART,
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
            "cache_control": CACHED,
        },
        {"type": "text", "text": "T"},
        {"type": "text", "text": "Body"},
        {"type": "text", "text": "T"},
        {"type": "text", "text": "C"},
        IMAGE_PART,
    ]


def test_calls_of_tools_and_thinking_that_claude_signed() -> None:
    said = chat_of(
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "EqInvented"},
                {"type": "redacted_thinking", "data": "EmInvented"},
                {"type": "text", "text": "One "},
                {"type": "text", "text": "moment."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            ],
        },
    )[1]
    assert said["content"] == "One moment."
    assert said["reasoning_content"] == said["reasoning"] == "Hm."
    text = {"type": "reasoning.text", "text": "Hm.", "signature": "EqInvented", "format": "anthropic-claude-v1"}
    hidden = {"type": "reasoning.encrypted", "data": "EmInvented", "format": "anthropic-claude-v1"}
    assert said["reasoning_details"] == [{**text, "index": 0}, {**hidden, "index": 1}]
    assert said["tool_calls"] == [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]


def test_an_assistant_that_only_called_said_nothing() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    assert chat_of({"role": "assistant", "content": [call]})[0]["content"] is None


# Seals


def test_a_seal_gives_back_what_its_provider_wants_to_see_again() -> None:
    detail = {"type": "reasoning.encrypted", "data": "AYinvented", "format": "google-gemini-v1", "id": "call_1"}
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": seal()},
        {"type": "redacted_thinking", "data": seal([detail])},
        {"type": "text", "text": "Yes."},
    ]
    chat = parsed(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": blocks}])
    said = chat.body["messages"][1]
    assert said["reasoning_content"] == "Hm."
    assert said["reasoning_details"] == [{**detail, "index": 0}]


def test_anthropic_never_sees_a_seal() -> None:
    cited = {"type": "text", "text": "Yes.", "citations": [{"type": "x", "encrypted_index": seal()}]}
    sealed = {"type": "thinking", "thinking": "Hm.", "signature": seal()}
    own = {"type": "thinking", "thinking": "Hm.", "signature": "EqInvented"}
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [sealed, own, cited]},
        {"role": "assistant", "content": [sealed]},
    ]
    chat = parsed(messages=turns)
    kept = [turns[0], {"role": "assistant", "content": [own, {"type": "text", "text": "Yes."}]}]
    assert orjson.loads(chat.raw)["messages"] == kept
    assert chat.native is not None
    assert chat.native["messages"] == kept


@pytest.mark.parametrize("broken", ["hr1.", "hr1.!!!", "hr1.e30", "hr1.WzFd", "hr1." + "\u00e9"])
def test_a_broken_seal_is_nothing(broken: str) -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": broken}
    said = chat_of({"role": "assistant", "content": [block]})[0]
    assert said["reasoning_content"] == "Hm."
    assert "reasoning_details" not in said


# What only Anthropic can be asked


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"thinking": {"type": "telepathy"}}, "thinking.type"),
        ({"output_config": {"effort": "superhuman"}}, "output_config.effort"),
        (
            {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
            "messages.0.content.0.type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages.0.content.0.source",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "s"}]}]},
            "messages.0.content.0.type",
        ),
    ],
)
def test_what_a_chat_has_no_words_for_is_named_and_not_refused(fields: dict[str, Any], param: str) -> None:
    assert lacking(**fields) == param


def test_what_merely_has_no_effect_is_named_too() -> None:
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "B"},
        "citations": {"enabled": True},
    }
    chat = parsed(
        context_management={"edits": []},
        speed="fast",
        tools=[{"name": "f", "input_schema": {}, "defer_loading": True}],
        messages=[{"role": "user", "content": [document]}],
    )
    assert set(chat.ignored) == {"context_management", "speed", "defer_loading", "citations"}
    assert chat.untranslated is None
    assert not {"context_management", "speed"} & chat.body.keys()


def test_nesting_that_can_be_read_but_not_written_can_only_be_passed_on() -> None:
    deep = b"[" * 400 + b"]" * 400
    raw = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"more":' + deep + b"}"
    chat = AnthropicMessages().parse(raw, {})
    assert chat.raw is raw
    assert chat.untranslated is not None


# Mistakes


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ...}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"messages": ...}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
            "messages.0.content.0.tool_use_id",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]}]},
            "messages.0.content.0.input",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]},
            "messages.0.content.0.signature",
        ),
        ({"system": 7}, "system"),
        ({"system": [{"type": "text"}]}, "system.0.text"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [7]}, "stop_sequences.0"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools.0"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name"),
        ({"thinking": "on"}, "thinking"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens"),
        ({"output_config": {"effort": 3}}, "output_config.effort"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
    ],
)
def test_each_mistake_names_its_field_as_anthropic_would(change: dict[str, Any], param: str) -> None:
    error = refused(**change)
    assert (error.status, error.code, error.param) == (400, "invalid_request", param)
    assert error.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"model":"a","model":"b","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"a","mod\\u0065l":"b","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\\ud800"}]}',
    ],
    ids=range(5),
)
def test_what_is_not_plain_json_is_invalid_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        AnthropicMessages().parse(body, {})
    assert caught.value.code == "invalid_json"
