"""The caller's bytes on their way up: only the model name and `include_usage` change."""

import orjson
import pytest

from backends.providers.openai.request import render_body, render_head
from backends.types import ChatRequest, Target


def chat(raw: bytes) -> ChatRequest:
    body = orjson.loads(raw)
    options = body.get("stream_options") or {}
    return ChatRequest(raw, body, body["model"], body.get("stream") is True, bool(options.get("include_usage")))


def test_a_unary_body_with_the_same_model_is_the_callers_own_bytes() -> None:
    raw = b'{ "model" : "m",  "temperature": 1.10, "seed": 123456789012345678901234567890, "x": [1,2 ] }'
    assert render_body(chat(raw), "m") is raw


def test_only_the_model_name_changes() -> None:
    raw = b'{ "model" : "m",  "temperature": 1.10, "odd":{"a" :1}}'
    assert render_body(chat(raw), "up/stream") == raw.replace(b'"m"', b'"up/stream"')


def test_usage_is_asked_for_in_streams_and_no_other_field_is_added() -> None:
    raw = b'{"model":"m","stream":true,"messages":[]}'
    sent = render_body(chat(raw), "m")
    assert orjson.loads(sent) == {**orjson.loads(raw), "stream_options": {"include_usage": True}}
    assert sent.endswith(raw[1:])


def test_a_caller_who_asked_for_usage_is_left_alone() -> None:
    raw = b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'
    assert render_body(chat(raw), "m") is raw


def test_other_stream_options_are_kept() -> None:
    raw = b'{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}'
    sent = orjson.loads(render_body(chat(raw), "m"))
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metadata":{"model":"m"},"model":"m"}',
        b'{"mod\\u0065l":"m","metadata":{"x":1}}',
        b'{"model":"m","messages":[{"role":"user","content":"say \\"model\\": \\"m\\""}]}',
    ],
)
def test_only_the_top_level_model_is_renamed_however_it_is_written(raw: bytes) -> None:
    sent = orjson.loads(render_body(chat(raw), "up"))
    assert sent == {**orjson.loads(raw), "model": "up"}


def test_headers_carry_the_targets_key_and_refuse_compression() -> None:
    target = Target("p", "openai", "m", "https://h/v1", "h", api_key="secret", headers=(("x-org", "o"),))
    _, headers = render_head(target)
    assert headers["authorization"] == "Bearer secret"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-org"] == "o"
    assert "secret" not in repr(target)


def test_a_long_plain_body_that_opens_with_the_model_is_renamed_there_alone() -> None:
    raw = b'{"model":"m","messages":[{"role":"user","content":"\\u0007"}],"metadata":{"model":"m"}}'
    plain = chat(raw)._replace(plain=True)
    assert render_body(plain, "up") == raw.replace(b'{"model":"m","messages', b'{"model":"up","messages')
    nested_first = b'{"metadata":{"model":"m"},"model":"m","messages":[]}'
    sent = render_body(chat(nested_first)._replace(plain=True), "up")
    assert orjson.loads(sent) == {**orjson.loads(nested_first), "model": "up"}
