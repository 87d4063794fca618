"""Chat through the gateway: the bytes are the model's, and the request is the caller's."""

import gzip
import hashlib
import json
import sys
import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.support import scripts
from tests.support.caller import Caller, chat_body
from tests.support.gateway import UPSTREAM_SECRET, Gateway
from tests.support.upstream import Upstream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ODD_BODY = (
    b'{ "id":"chatcmpl-1" ,\n\t"object":"chat.completion","created":1741569952,"model":"gpt-odd-2026",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"caf\\u00e9 \xc3\xa9 \\/ \\ud83d\\ude00",'
    b'"annotations":[]},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":10,"completion_tokens":5,'
    b'"total_tokens":15},"never_heard_of":{"big":123456789012345678901234567890,"exact":1.10,"e":1E+2} }\r\n'
)


def test_a_unary_answer_has_the_upstreams_own_bytes(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer(ODD_BODY))
    answer = app.chat(model)
    assert answer.status == 200
    assert answer.body == ODD_BODY
    assert answer.headers["content-type"].startswith("application/json")


def test_an_answer_says_where_it_was_made_and_what_it_cost(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    upstream.script(model, scripts.answer(counted=scripts.usage(1000, 200)))
    headers = app.chat(model).headers
    assert headers["x-headrace-target"] == f"alpha/{model}@127.0.0.1:{upstream.port}"
    assert headers["x-headrace-attempts"] == "1"
    assert headers["x-headrace-rules"] == hashlib.sha256(gateway.rules_path.read_bytes()).hexdigest()[:12]
    assert Decimal(headers["x-headrace-cost-usd"]) == Decimal("0.00016")  # 1000 x 0.10 + 200 x 0.30 USD per million
    assert float(headers["x-headrace-overhead-ms"]) >= 0
    assert headers["x-request-id"]
    assert headers["request-id"] == headers["x-request-id"]


def test_a_callers_request_id_is_the_answers_too(app: Caller, model: str) -> None:
    answer = app.chat(model, headers={"x-request-id": "from-the-caller-0001"})
    assert answer.headers["x-request-id"] == "from-the-caller-0001"


def test_the_upstream_gets_the_callers_fields_with_only_the_model_changed(app: Caller, upstream: Upstream) -> None:
    before = len(upstream.seen("upstream-name"))
    sent = chat_body("nick", temperature=0.7, seed=3, never_heard_of={"a": [1, None, True]}, user="u-1")
    assert app.post("/v1/chat/completions", sent).status == 200
    arrived = upstream.seen("upstream-name")[before]
    assert arrived.json == {**sent, "model": "upstream-name"}
    assert arrived.path == "/alpha/v1/chat/completions"


def test_numbers_in_unknown_fields_keep_their_value(app: Caller, upstream: Upstream, model: str) -> None:
    raw = (
        b'{"model": "%b", "messages": [{"role": "user", "content": "x"}], '
        b'"big": 123456789012345678901234567890, "exact": 0.12345678901234567890123}' % model.encode()
    )
    assert app.post("/v1/chat/completions", raw).status == 200
    arrived = json.loads(upstream.only(model).body, parse_float=Decimal)
    assert arrived["big"] == 123456789012345678901234567890
    assert arrived["exact"] == Decimal("0.12345678901234567890123")


def test_the_upstream_sees_its_own_key_and_nothing_of_the_callers(app: Caller, upstream: Upstream, model: str) -> None:
    private = {"cookie": "session=private", "x-headrace-tags": "env=test", "x-forwarded-for": "10.9.8.7"}
    assert app.chat(model, headers=private).status == 200
    arrived = upstream.only(model)
    assert arrived.header("authorization") == f"Bearer {UPSTREAM_SECRET}"
    assert app.key
    seen = repr(arrived.headers) + repr(arrived.body)
    assert app.key not in seen
    assert "private" not in seen
    assert "10.9.8.7" not in seen
    assert not [name for name, _ in arrived.headers if name.lower().startswith("x-headrace")]


def test_the_key_may_come_in_x_api_key(gateway: Gateway, model: str) -> None:
    key = gateway.key()
    answer = Caller(gateway.base_url, None).chat(model, headers={"x-api-key": key})
    assert answer.status == 200


def test_a_stream_passes_byte_for_byte_when_usage_was_asked_for(app: Caller, upstream: Upstream, model: str) -> None:
    counted = scripts.usage(12, 3, cached=4, reasoning=1)
    events = scripts.words("Hel", "lo ", "caf\u00e9")
    upstream.script(model, scripts.stream(*events, counted=counted))
    answer = app.chat(model, stream=True, stream_options={"include_usage": True})
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/event-stream"
    assert answer.body == scripts.stream_text(*events, counted=counted)


@pytest.mark.parametrize("options", [None, {"include_usage": False}, {}])
def test_the_usage_event_is_asked_for_but_hidden_from_who_did_not(
    app: Caller, upstream: Upstream, model: str, options: dict[str, Any] | None
) -> None:
    events = scripts.words("one ", "two")
    upstream.script(model, scripts.stream(*events))
    asked: dict[str, Any] = {} if options is None else {"stream_options": options}
    answer = app.chat(model, stream=True, **asked)
    assert answer.body == scripts.stream_text(*events)
    assert upstream.only(model).asked_for_usage


def test_other_stream_options_survive(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.stream())
    app.chat(model, stream=True, stream_options={"include_obfuscation": False})
    assert upstream.only(model).json["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_a_unary_request_gets_no_stream_options(app: Caller, upstream: Upstream, model: str) -> None:
    app.chat(model)
    app.chat(model, stream=False)
    assert ["stream" in e.json for e in upstream.seen(model)] == [False, True]
    assert not [e for e in upstream.seen(model) if "stream_options" in e.json]


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_a_stream_in_odd_pieces_arrives_the_same(app: Caller, upstream: Upstream, model: str, piece: int) -> None:
    counted = scripts.usage(12, 2)
    events = scripts.words("na\u00efve ", "\U0001f600")
    upstream.script(model, scripts.stream(*events, counted=counted, piece=piece))
    answer = app.chat(model, stream=True)
    assert answer.body == scripts.stream_text(*events)


def test_events_with_crlf_comments_and_other_fields_pass_unchanged(app: Caller, upstream: Upstream, model: str) -> None:
    body = b": hello\r\n\r\nid: 7\r\n" + b"".join(
        event.replace(b"\n", b"\r\n")
        for event in [scripts.ROLE, *scripts.words("a", "b"), scripts.FINISH, scripts.DONE]
    )
    upstream.script(model, scripts.raw_stream(body[:50], body[50:]))
    answer = app.chat(model, stream=True, stream_options={"include_usage": True})
    assert answer.body == body


def test_usage_in_the_finishing_event_is_kept_with_it(app: Caller, upstream: Upstream, model: str) -> None:
    body = scripts.ROLE + scripts.chunk({"content": "x"}, "stop", usage=scripts.usage(5, 1)) + scripts.DONE
    upstream.script(model, scripts.raw_stream(body))
    assert app.chat(model, stream=True).body == body


def test_the_first_words_arrive_while_the_upstream_still_thinks(app: Caller, upstream: Upstream, model: str) -> None:
    gate = threading.Event()
    first, second = scripts.words("first", "second")
    upstream.script(model, scripts.stream(first, second, gate=gate))
    with app.open_chat(model) as wire:
        assert wire.head()[0] == 200
        pieces = wire.pieces()
        received = b""
        while first not in received:
            received += next(pieces)
        assert second not in received
        gate.set()
        assert (received + b"".join(pieces)).endswith(scripts.DONE)


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/api/v1"])
def test_every_prefix_serves_the_same(app: Caller, upstream: Upstream, model: str, prefix: str) -> None:
    upstream.script(model, scripts.answer(ODD_BODY))
    answer = app.post(f"{prefix}/chat/completions", chat_body(model))
    assert (answer.status, answer.body) == (200, ODD_BODY)
    assert app.get(f"{prefix}/models").status == 200


def test_a_providers_prefix_is_held_to_that_provider(app: Caller, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, scripts.answer(), provider="alpha")
    upstream.script(pair, scripts.openai_error(500, "broken", type_="server_error"), provider="beta")
    answer = app.post("/providers/beta/v1/chat/completions", chat_body(pair))
    assert answer.status == 502
    assert not upstream.seen(pair, "alpha")
    assert app.post("/providers/alpha/v1/chat/completions", chat_body(pair)).status == 200


def test_a_provider_and_its_own_model_name_need_no_entry(app: Caller, upstream: Upstream, model: str) -> None:
    answer = app.chat(f"beta/its-own/{model}")
    assert answer.status == 200
    assert upstream.only(f"its-own/{model}").provider == "beta"


def test_the_answers_model_is_what_the_upstream_said(app: Caller) -> None:
    assert app.chat("nick").json["model"] == "upstream-model"


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_a_request_may_be_compressed(
    app: Caller, upstream: Upstream, model: str, coding: str, pack: "type[bytes]"
) -> None:
    body = pack(json.dumps(chat_body(model)).encode())
    answer = app.post("/v1/chat/completions", body, {"content-encoding": coding})
    assert answer.status == 200
    arrived = upstream.only(model)
    assert arrived.json == chat_body(model)
    assert arrived.header("content-encoding") is None


def test_the_sandbox_answers_and_says_what_it_is(app: Caller) -> None:
    answer = app.chat("sandbox-model")
    assert answer.status == 200
    assert "sandbox" in answer.json["choices"][0]["message"]["content"].lower()
    assert answer.json["usage"]["total_tokens"] > 0
    streamed = app.chat("sandbox-model", stream=True)
    assert "sandbox" in streamed.text.lower()
    assert streamed.events[-1] == b"[DONE]"
