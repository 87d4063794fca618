"""The adapter: URLs, headers, bytes that pass, and a conversation through a client that only speaks OpenAI."""

import json
from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.anthropic import AnthropicAdapter
from backends.types import ChatRequest, Clocks, Quirks, Target, UpstreamRequest, Usage
from tests.backends.anthropic.played import answer, chat

KEY = "sk-ant-secret"
TARGET = Target(
    "anthropic", "anthropic", "claude-opus-4-8", "https://api.anthropic.com", "api.anthropic.com:443", api_key=KEY
)
RAW = b'{ "max_tokens":5,\n"model" : "sea",  "messages":[{"role":"user","content":"\xc3\xa9"}] }'


def build(request: ChatRequest, target: Target = TARGET) -> UpstreamRequest:
    return AnthropicAdapter().build_request(request, target, Clocks())


def native(raw: bytes = RAW, dialect: str = "anthropic_messages", **more: Any) -> ChatRequest:
    body = json.loads(raw)
    return ChatRequest(raw, body, body["model"], bool(body.get("stream")), False, dialect=dialect, native=body, **more)


def test_it_speaks_messages_and_counting() -> None:
    adapter = AnthropicAdapter()
    assert adapter.speaks("anthropic_messages", TARGET)
    assert adapter.speaks("anthropic_count_tokens", TARGET)
    assert not adapter.speaks("openai_chat", TARGET)


def test_the_callers_bytes_pass_with_the_models_name_changed() -> None:
    request = build(native())
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.body == RAW.replace(b'"sea"', b'"claude-opus-4-8"')
    assert request.dropped == ()


def test_bytes_in_which_the_model_cannot_be_told_are_written_anew() -> None:
    raw = b'{"model":"sea","max_tokens":5,"messages":[{"role":"user","content":[{"model":"x"}]}]}'
    assert json.loads(build(native(raw)).body) == {**json.loads(raw), "model": "claude-opus-4-8"}
    hidden = b'{"\\u006dodel":"sea","max_tokens":5,"messages":[]}'
    assert json.loads(build(native(hidden)).body)["model"] == "claude-opus-4-8"


def test_counting_has_its_own_path_and_costs_nothing() -> None:
    request = native(dialect="anthropic_count_tokens")
    assert build(request).url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert AnthropicAdapter().parse_response(request, b'{"input_tokens":3}').usage == Usage()


def test_version_and_betas_are_the_callers() -> None:
    plain = build(native()).headers
    assert plain["anthropic-version"] == "2023-06-01"
    assert plain["x-api-key"] == KEY
    assert "anthropic-beta" not in plain
    assert "authorization" not in plain
    headers = {"anthropic-version": "2027-01-01", "anthropic-beta": "a-1,b-2"}
    asked = build(native(headers=headers)).headers
    assert asked["anthropic-version"] == "2027-01-01"
    assert asked["anthropic-beta"] == "a-1,b-2"
    assert build(native()).headers == plain


def test_betas_of_the_target_and_the_caller_come_together() -> None:
    target = Target(
        "a", "anthropic", "m", "https://x.example/v1", "x", headers=(("anthropic-beta", "a-1"),), api_key=KEY
    )
    request = build(native(headers={"anthropic-beta": "a-1, b-2"}), target)
    assert request.headers["anthropic-beta"] == "a-1,b-2"
    assert request.url == "https://x.example/v1/messages"


def test_the_key_may_have_another_header() -> None:
    target = Target("a", "anthropic", "m", "https://x.example", "x", api_key=KEY, quirks=Quirks(key_header="api-key"))
    headers = build(native(), target).headers
    assert headers["api-key"] == KEY
    assert "x-api-key" not in headers


def test_a_chat_is_translated_and_what_was_left_out_is_named() -> None:
    body = {"model": "sea", "messages": [{"role": "user", "content": "Hi"}], "seed": 3, "stream": True}
    request = build(chat(body))
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.stream
    assert request.dropped == ("seed",)
    assert json.loads(request.body)["stream"] is True
    assert KEY not in repr(request)


@pytest.mark.parametrize("name", ["unary_thinking_tool"])
def test_thinking_survives_a_client_that_only_speaks_openai(name: str) -> None:
    adapter = AnthropicAdapter()
    message = adapter.read(chat(), answer(name)).answer["choices"][0]["message"]
    call = message["tool_calls"][0]
    body = {
        "model": "sea",
        "messages": [
            {"role": "user", "content": "Which wind?"},
            json.loads(json.dumps(message)),
            {"role": "tool", "tool_call_id": call["id"], "content": "north"},
        ],
    }
    sent = json.loads(build(chat(body)).body)["messages"][1]["content"]
    said = json.loads(answer(name))["content"]
    assert sent == [{key: value for key, value in block.items() if key != "caller"} for block in said]


def test_what_is_nested_too_deeply_to_be_written_is_refused() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"items": deep}
    tool = {"type": "function", "function": {"name": "f", "parameters": deep}}
    with pytest.raises(NotCarried):
        build(chat({"model": "sea", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}))


def test_a_call_made_by_anthropics_own_code_says_so_when_it_comes_back() -> None:
    adapter = AnthropicAdapter()
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    block = {"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {}, "caller": caller}
    body = json.dumps({**json.loads(answer("unary_thinking_tool")), "content": [block]}).encode()
    message = adapter.read(chat(), body).answer["choices"][0]["message"]
    request = build(chat({"model": "sea", "messages": [{"role": "user", "content": "Hi"}, message]}))
    assert json.loads(request.body)["messages"][1]["content"] == [block]
