"""Chats as requests of Converse."""

import json
from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.bedrock import BedrockAdapter
from backends.providers.bedrock.endpoint import endpoint_url
from backends.types import AnswerKind, Clocks, UpstreamRequest
from tests.backends.bedrock.played import asked, fixture, named, target

NOVA = "eu.amazon.nova-lite-v1:0"
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
HELLO = {"role": "user", "content": "Hello"}
LAMP = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object", "properties": {}}}}
CALLED = [
    HELLO,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "lamp", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "on"},
]


def built(model: str = NOVA, *, stream: bool = False, **body: Any) -> UpstreamRequest:
    chat = asked({"model": "m", "messages": [HELLO], **body}, stream=stream)
    return BedrockAdapter().build_request(chat, target(model), Clocks())


def sent(model: str = NOVA, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(built(model, **body).body)
    return found


@pytest.mark.parametrize("name", named("request"))
def test_a_chat_becomes_the_request_that_bedrock_knows(name: str) -> None:
    said = fixture(name)
    request = BedrockAdapter().build_request(asked(said["chat"]), target(said["model"]), Clocks())
    assert json.loads(request.body) == said["body"]
    assert request.url == said["url"]
    assert sorted(request.dropped) == sorted(said["dropped"])


def test_a_stream_has_a_path_and_a_media_type_of_its_own() -> None:
    request = built(stream=True)
    assert request.url.endswith("/model/eu.amazon.nova-lite-v1%3A0/converse-stream")
    assert request.headers["accept"] == "application/vnd.amazon.eventstream"
    assert request.stream


def test_an_api_key_is_a_bearer_token_and_without_one_nothing_is_said() -> None:
    keyed = BedrockAdapter().build_request(asked(), target(NOVA, api_key="bedrock-api-key-x"), Clocks())
    assert keyed.headers["authorization"] == "Bearer bedrock-api-key-x"
    assert "authorization" not in built().headers
    assert "bedrock-api-key-x" not in repr(keyed)


def test_the_endpoint_follows_from_the_region() -> None:
    assert endpoint_url("eu-west-1") == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert endpoint_url("cn-north-1") == "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "lamp"}}, {"tool": {"name": "lamp"}}),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "lamp"}]}, {"any": {}}),
    ],
)
def test_tool_choices_are_carried(choice: Any, expected: Any) -> None:
    assert sent(tools=[LAMP], tool_choice=choice)["toolConfig"]["toolChoice"] == expected


def test_forbidden_tools_are_not_sent_at_all() -> None:
    assert "toolConfig" not in sent(tools=[LAMP], tool_choice="none")


def test_tools_that_were_called_cannot_be_forbidden() -> None:
    with pytest.raises(NotCarried) as refused:
        sent(tools=[LAMP], tool_choice="none", messages=CALLED)
    assert refused.value.param == "tool_choice"


def test_a_conversation_with_calls_but_without_tools_names_them() -> None:
    tools = sent(messages=CALLED)["toolConfig"]["tools"]
    assert tools == [{"toolSpec": {"name": "lamp", "inputSchema": {"json": {"type": "object"}}}}]


def test_a_system_tool_passes_in_converses_own_words() -> None:
    config = sent(tools=[{"systemTool": {"name": "nova_grounding"}}])["toolConfig"]
    assert config == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}


def test_a_strict_tool_binds_models_that_can_be_bound() -> None:
    strict = {"type": "function", "function": {**LAMP["function"], "strict": True}}  # type: ignore[dict-item]
    assert sent(CLAUDE, tools=[strict])["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    old = built("anthropic.claude-3-5-sonnet-20240620-v1:0", tools=[strict])
    assert "strict" not in json.loads(old.body)["toolConfig"]["tools"][0]["toolSpec"]
    assert old.dropped == ("tools.strict",)


def test_ids_that_converse_refuses_are_replaced_alike_in_call_and_result() -> None:
    long = "call/" + "x" * 80
    messages = json.loads(json.dumps(CALLED).replace('"c1"', json.dumps(long)))
    _, call, result = sent(messages=messages, tools=[LAMP])["messages"]
    given = call["content"][0]["toolUse"]["toolUseId"]
    assert given == result["content"][0]["toolResult"]["toolUseId"]
    assert len(given) <= 64
    assert "/" not in given


@pytest.mark.parametrize(
    ("model", "wish", "expected"),
    [
        (CLAUDE, {"reasoning_effort": "none"}, None),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        (
            "us.amazon.nova-2-lite-v1:0",
            {"reasoning": {"effort": "low"}},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        (
            "us.anthropic.claude-opus-4-6-v1",
            {"reasoning_effort": "high"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
    ],
)
def test_reasoning_is_asked_for_in_each_makers_words(model: str, wish: Any, expected: Any) -> None:
    request = built(model, **wish)
    assert json.loads(request.body).get("additionalModelRequestFields") == expected
    assert request.dropped == ()


def test_reasoning_that_a_model_knows_nothing_of_is_named() -> None:
    assert built("us.meta.llama3-3-70b-instruct-v1:0", reasoning_effort="high").dropped == ("reasoning_effort",)


def test_thinking_gives_way_to_a_forced_tool() -> None:
    request = built(CLAUDE, reasoning_effort="low", tools=[LAMP], tool_choice="required", max_tokens=9000)
    assert "additionalModelRequestFields" not in json.loads(request.body)
    assert request.dropped == ("reasoning_effort",)


def test_thinking_gives_way_where_a_turn_lost_its_thought() -> None:
    request = built(CLAUDE, reasoning_effort="low", tools=[LAMP], messages=CALLED, max_tokens=9000)
    assert request.dropped == ("reasoning_effort",)
    thought = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1"}
    kept = [CALLED[0], {**CALLED[1], "reasoning_details": [thought]}, CALLED[2]]
    request = built(CLAUDE, reasoning_effort="low", tools=[LAMP], messages=kept, max_tokens=9000)
    assert json.loads(request.body)["additionalModelRequestFields"]["thinking"]["type"] == "enabled"


def test_thoughts_are_not_given_back_to_a_model_that_never_had_them() -> None:
    thought = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1"}
    messages = [HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [thought]}, HELLO]
    assert sent(NOVA, messages=messages)["messages"][1]["content"] == [{"text": "Hi"}]
    assert "reasoningContent" in sent(CLAUDE, messages=messages)["messages"][1]["content"][0]


def test_a_temperature_past_converses_scale_is_lowered_and_named() -> None:
    request = built(temperature=1.7)
    assert json.loads(request.body)["inferenceConfig"] == {"temperature": 1.0}
    assert request.dropped == ("temperature",)


def test_converses_own_fields_are_carried() -> None:
    guardrail = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    body = sent(guardrailConfig=guardrail, performanceConfig={"latency": "optimized"}, top_k=5)
    assert body["guardrailConfig"] == guardrail
    assert body["performanceConfig"] == {"latency": "optimized"}
    assert body["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 5}}


def test_json_without_a_schema_is_asked_for_in_words_and_named() -> None:
    request = built(response_format={"type": "json_object"})
    assert "JSON" in json.loads(request.body)["system"][0]["text"]
    assert request.dropped == ("response_format",)


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("n", 2, "n"),
        ("modalities", ["text", "audio"], "modalities"),
        ("tools", [{"type": "web_search"}], "tools[0]"),
        ("messages", [{"role": "user", "content": " "}], "messages"),
        (
            "messages",
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}],
            "messages[0].content[0]",
        ),
        (
            "messages",
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}],
            "messages[0].content[0]",
        ),
        ("response_format", {"type": "grammar"}, "response_format"),
    ],
)
def test_what_has_no_words_in_converse_is_refused_by_name(field: str, value: Any, param: str) -> None:
    with pytest.raises(NotCarried) as refused:
        sent(**{field: value})
    assert refused.value.param == param


def test_other_routes_are_not_served() -> None:
    chat = asked({"model": "m", "input": "x"})._replace(dialect="openai_embeddings", answers=AnswerKind.DATA)
    with pytest.raises(NotCarried) as refused:
        BedrockAdapter().build_request(chat, target(NOVA), Clocks())
    assert refused.value.param == "model"


def test_audio_video_and_spreadsheets_have_their_formats() -> None:
    content = [
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {"type": "video_url", "video_url": {"url": "s3://bucket/film.mov"}},
        {"type": "file", "file": {"filename": "tides.xlsx", "file_data": "QUJD"}},
    ]
    assert sent(messages=[{"role": "user", "content": content}])["messages"][0]["content"] == [
        {"audio": {"format": "mp3", "source": {"bytes": "QUJD"}}},
        {"video": {"format": "mov", "source": {"s3Location": {"uri": "s3://bucket/film.mov"}}}},
        {"document": {"format": "xlsx", "name": "tides", "source": {"bytes": "QUJD"}}},
    ]
