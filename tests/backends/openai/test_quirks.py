"""A request in the words of the provider that gets it, and the caller's own bytes wherever that is possible."""

from typing import Any

import orjson
import pytest

from backends.errors import NotCarried
from backends.providers.compatible import KNOWN_PROVIDERS
from backends.providers.openai.adapter import OpenAIAdapter
from backends.types import ChatRequest, Clocks, Quirks, Target, UpstreamRequest

HELLO = [{"role": "user", "content": "Hello"}]


def asked(body: dict[str, Any] | bytes, *, native: bool = False) -> ChatRequest:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    fields = orjson.loads(raw)
    options = fields.get("stream_options") or {}
    chat = ChatRequest(
        raw, fields, fields["model"], fields.get("stream") is True, bool(options.get("include_usage")), not native
    )
    return chat._replace(native={}, raw=b"in another dialect", dialect="anthropic_messages") if native else chat


def sent_to(provider: str, chat: ChatRequest, **quirks: Any) -> UpstreamRequest:
    row = KNOWN_PROVIDERS.get(provider)
    known = row.quirks if row else Quirks(**quirks)
    target = Target(provider, "openai", chat.model, "https://up.example/v1", "up", api_key="k", quirks=known)
    return OpenAIAdapter().build_request(chat, target, Clocks())


def body_for(provider: str, body: dict[str, Any], *, native: bool = False) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = sent_to(provider, asked({"model": "m", "messages": HELLO, **body}, native=native))
    return orjson.loads(request.body), request.dropped


@pytest.mark.parametrize("provider", [name for name, row in KNOWN_PROVIDERS.items() if row.protocol == "openai"])
def test_a_plain_chat_is_the_callers_own_bytes_for_everybody(provider: str) -> None:
    raw = b'{ "model" : "m", "messages":[{"role":"user","content":"Hi" }], "top_p": 0.50 }'
    assert sent_to(provider, asked(raw)).body is raw


def test_an_unknown_provider_gets_every_field_as_it_was_sent() -> None:
    raw = b'{"model":"m","messages":[{"role":"developer","content":"x"}],"max_tokens": 5,"seed":1,"lamp":[1, 2]}'
    request = sent_to("acme", asked(raw))
    assert request.body is raw
    assert request.dropped == ()


@pytest.mark.parametrize(
    ("provider", "sent", "own"),
    [
        ("openai", "max_tokens", "max_completion_tokens"),
        ("xai", "max_tokens", "max_completion_tokens"),
        ("deepseek", "max_completion_tokens", "max_tokens"),
        ("mistral", "max_completion_tokens", "max_tokens"),
        ("mistral", "seed", "random_seed"),
    ],
)
def test_a_field_has_the_providers_name_and_no_other_byte_changes(provider: str, sent: str, own: str) -> None:
    raw = f'{{ "model":"m", "{sent}" : 7, "messages":[{{"role":"user","content":"\\"{sent}\\"" }}] }}'.encode()
    request = sent_to(provider, asked(raw)._replace(plain=False))
    assert request.body == raw.replace(f'"{sent}" :'.encode(), f'"{own}" :'.encode())
    assert request.dropped == ()


def test_of_two_names_of_one_limit_the_providers_own_counts() -> None:
    body, dropped = body_for("deepseek", {"max_completion_tokens": 9, "max_tokens": 5})
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body
    assert dropped == ("max_completion_tokens",)


@pytest.mark.parametrize(
    ("provider", "fields", "dropped"),
    [
        ("groq", {"logit_bias": {"1": 2}, "logprobs": True}, ("logit_bias", "logprobs")),
        ("cerebras", {"presence_penalty": 0.5, "service_tier": "flex"}, ("presence_penalty", "service_tier")),
        ("mistral", {"user": "u", "store": None}, ("user",)),
        ("deepseek", {"seed": 4}, ("seed",)),
    ],
)
def test_what_can_not_be_honoured_is_left_out_and_named(
    provider: str, fields: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, named = body_for(provider, fields)
    assert not fields.keys() & body.keys()
    assert named == dropped


def test_some_models_of_a_provider_take_less_than_others() -> None:
    chat = asked({"model": "o3-mini", "messages": HELLO, "temperature": 0.2})
    assert sent_to("openai", chat).dropped == ("temperature",)
    assert sent_to("openai", asked({**chat.body, "model": "gpt-5-chat-latest"})).dropped == ()
    assert sent_to("openai", asked({**chat.body, "model": "gpt-4o"})).dropped == ()


@pytest.mark.parametrize(
    ("provider", "fields", "param"),
    [
        ("groq", {"n": 2}, "n"),
        ("perplexity", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ("deepseek", {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ("zai", {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
    ],
)
def test_what_would_change_the_request_is_refused_so_that_another_target_is_tried(
    provider: str, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(NotCarried) as caught:
        body_for(provider, fields)
    assert caught.value.param == param
    assert caught.value.another_target_may_help
    assert provider in caught.value.message


def test_a_refused_field_that_asks_for_nothing_is_left_out_in_silence() -> None:
    body, dropped = body_for("groq", {"n": 1})
    assert "n" not in body
    assert dropped == ()
    assert body_for("deepseek", {"response_format": {"type": "json_object"}})[0]["response_format"]


def test_a_developers_message_is_the_systems_where_the_role_is_unknown() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, *HELLO]
    assert body_for("deepseek", {"messages": messages})[0]["messages"][0]["role"] == "system"
    assert body_for("openai", {"messages": messages})[0]["messages"][0]["role"] == "developer"


THOUGHT = {
    "role": "assistant",
    "content": "Four.",
    "reasoning_content": "Two and two.",
    "reasoning": "Two and two.",
    "reasoning_details": [{"type": "reasoning.text", "text": "Two and two.", "format": "anthropic-claude-v1"}],
}


@pytest.mark.parametrize(
    ("provider", "kept"),
    [
        ("openai", {}),
        ("mistral", {}),
        ("deepseek", {"reasoning_content": "Two and two."}),
        ("groq", {"reasoning": "Two and two."}),
        ("openrouter", {name: THOUGHT[name] for name in ("reasoning_content", "reasoning", "reasoning_details")}),
    ],
)
def test_reasoning_goes_back_under_the_name_that_the_provider_reads(provider: str, kept: dict[str, Any]) -> None:
    body, dropped = body_for(provider, {"messages": [*HELLO, THOUGHT, *HELLO]})
    assert body["messages"][1] == {"role": "assistant", "content": "Four.", **kept}
    assert dropped == ()


def test_a_strict_provider_gets_no_field_of_another_ones_answer() -> None:
    message = {"role": "assistant", "content": "x", "annotations": [], "refusal": None, "audio": None}
    body, _ = body_for("mistral", {"messages": [*HELLO, message, *HELLO]})
    assert body["messages"][1] == {"role": "assistant", "content": "x"}


def test_marks_of_what_to_cache_go_only_to_who_knows_them() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    asked_for = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **mark}], **mark}],
        "tools": [{"type": "function", "function": {"name": "f"}, **mark}],
    }
    for provider, marks in (("openai", 0), ("groq", 0), ("openrouter", 3), ("dashscope", 3)):
        body, _ = body_for(provider, asked_for)
        assert orjson.dumps(body).count(b"cache_control") == marks, provider


def test_a_translated_request_is_mended_too() -> None:
    body, _ = body_for("deepseek", {"messages": [{"role": "developer", "content": "x"}, THOUGHT]}, native=True)
    assert [message["role"] for message in body["messages"]] == ["system", "assistant"]
    assert "reasoning" not in body["messages"][1]


def test_names_that_hide_behind_escapes_are_found() -> None:
    raw = rb'{"model":"m","messages":[{"r\u006fle":"d\u0065veloper","content":"\u00e9"}]}'
    chat = asked(raw)._replace(plain=False)
    assert orjson.loads(sent_to("deepseek", chat).body)["messages"][0]["role"] == "system"
    harmless = rb'{"model":"m","messages":[{"role":"user","content":"\u00e9"}]}'
    assert sent_to("deepseek", asked(harmless)._replace(plain=False)).body is harmless


def test_ids_of_calls_are_short_where_they_must_be_and_results_still_find_their_calls() -> None:
    call = {"id": "call_of_another_provider", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    own = {"id": "Ab3dE6gH9", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": "", "tool_calls": [call, own]},
        {"role": "tool", "tool_call_id": call["id"], "content": "1"},
        {"role": "tool", "tool_call_id": own["id"], "content": "2"},
    ]
    sent = body_for("mistral", {"messages": messages})[0]["messages"]
    first, second = (entry["id"] for entry in sent[0]["tool_calls"])
    assert len(first) == 9
    assert first.isalnum()
    assert (sent[1]["tool_call_id"], sent[2]["tool_call_id"], second) == (first, "Ab3dE6gH9", "Ab3dE6gH9")
    assert body_for("groq", {"messages": messages})[0]["messages"] == messages


def test_usage_is_not_asked_of_those_who_tell_it_unasked() -> None:
    for provider in ("mistral", "databricks"):
        body, dropped = body_for(provider, {"stream": True, "stream_options": {"include_usage": True}})
        assert "stream_options" not in body
        assert dropped == ()
        assert "stream_options" not in body_for(provider, {"stream": True})[0]
    assert body_for("groq", {"stream": True})[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("provider", "wish", "own"),
    [
        ("openai", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("openai", {"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}),
        ("openai", {"reasoning": {"max_tokens": 2000}}, {"reasoning_effort": "low"}),
        ("openai", {"reasoning": {"max_tokens": 50_000}}, {"reasoning_effort": "high"}),
        ("openai", {"reasoning": {"enabled": True}}, {"reasoning_effort": "medium"}),
        ("groq", {"reasoning": {"enabled": False}}, {"reasoning_effort": "none"}),
        ("deepseek", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("zai", {"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("zai", {"reasoning": {"enabled": True}, "thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ("dashscope", {"reasoning": {"max_tokens": 900}}, {"enable_thinking": True, "thinking_budget": 900}),
        ("dashscope", {"reasoning_effort": "none"}, {"enable_thinking": False}),
        ("sglang", {"reasoning_effort": "none"}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("openrouter", {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}),
    ],
)
def test_reasoning_is_asked_for_in_the_providers_own_words(
    provider: str, wish: dict[str, Any], own: dict[str, Any]
) -> None:
    body, dropped = body_for(provider, wish)
    words = ("reasoning", "reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs")
    said = {name: body[name] for name in words if name in body}
    assert said == own
    assert dropped == ()


def test_reasoning_that_is_to_be_hidden_is_named_as_what_can_not_be_honoured() -> None:
    body, dropped = body_for("groq", {"reasoning": {"effort": "low", "exclude": True}})
    assert body["reasoning_effort"] == "low"
    assert dropped == ("reasoning.exclude",)


def test_the_key_stands_in_the_providers_header() -> None:
    bare = sent_to("acme", asked({"model": "m", "messages": HELLO}), key_header="x-key")
    assert bare.headers["x-key"] == "k"
    assert "authorization" not in bare.headers


def test_a_dialect_may_be_elsewhere_than_under_the_base_url() -> None:
    chat = asked({"model": "m", "input": "x"})._replace(native={"model": "m", "input": "x"}, dialect="openai_responses")
    quirks = {"dialects": frozenset({"openai_responses"})}
    assert sent_to("acme", chat, **quirks).url == "https://up.example/v1/responses"
    elsewhere = {**quirks, "paths": (("openai_responses", "/other/responses"),)}
    assert sent_to("acme", chat, **elsewhere).url == "https://up.example/other/responses"
