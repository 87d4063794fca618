"""The Responses API upstream, unary: the request with another model name, the answer as it came."""

import orjson
import pytest

from backends.errors import BadAnswer, Fault, Refused
from backends.providers.openai.adapter import OpenAIAdapter
from backends.providers.openai.responses import (
    find_responses_usage,
    read_responses_answer,
    read_responses_usage,
    render_responses_body,
)
from backends.types import ChatRequest, Clocks, Quirks, Target, Usage


def asked(raw: bytes, model: str = "lamp", **fields: object) -> ChatRequest:
    return ChatRequest(
        raw, {"messages": []}, model, False, False, dialect="openai_responses", native=orjson.loads(raw) | fields
    )


def target(*dialects: str) -> Target:
    return Target("p", "openai", "up", "https://p.example/v1", "p.example:443", "k", quirks=Quirks(frozenset(dialects)))


def test_the_model_is_renamed_and_no_other_byte_changes() -> None:
    raw = b'{"input": "a model",  "model":"lamp", "x":1.0}'
    assert render_responses_body(asked(raw), "up") == raw.replace(b'"lamp"', b'"up"')
    assert render_responses_body(asked(raw), "lamp") is raw


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"lamp","input":"x","tools":[{"type":"mcp","model":"lamp"}]}',
        b'{"\\u006dodel":"lamp","input":"x","metadata":{"model":"a"}}',
    ],
)
def test_where_it_is_not_plain_which_model_is_meant_the_body_is_written_anew(raw: bytes) -> None:
    sent = orjson.loads(render_responses_body(asked(raw), "up"))
    assert sent == {**orjson.loads(raw), "model": "up"}


def test_what_the_gateway_made_for_others_is_kept_from_openai() -> None:
    items = [
        {"type": "reasoning", "id": "rs_hr01_0", "summary": [], "encrypted_content": "hr1.W10="},
        {"type": "reasoning", "id": "rs_x", "summary": [], "encrypted_content": "hr1.W10="},
        {"type": "reasoning", "id": "rs_68", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "message", "id": "msg_hr01_1", "role": "assistant", "content": []},
        {"type": "function_call", "id": "fc_68", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    sent = orjson.loads(render_responses_body(asked(orjson.dumps({"model": "lamp", "input": items})), "up"))
    assert sent["input"] == [items[2], {"type": "message", "role": "assistant", "content": []}, items[4]]


def test_only_a_provider_that_understands_it_is_asked_in_it() -> None:
    adapter = OpenAIAdapter()
    chat = asked(b'{"model":"lamp","input":"x"}')
    assert not adapter.speaks("openai_responses", target())
    assert adapter.build_request(chat, target(), Clocks()).url == "https://p.example/v1/chat/completions"
    assert adapter.speaks("openai_responses", target("openai_responses"))
    request = adapter.build_request(chat, target("openai_responses"), Clocks())
    assert (request.url, request.body) == ("https://p.example/v1/responses", b'{"model":"up","input":"x"}')
    assert request.headers["authorization"] == "Bearer k"


def test_the_adapter_reads_answers_of_this_dialect() -> None:
    body = b'{"object":"response","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":2}}'
    answer = OpenAIAdapter().parse_response(asked(b'{"model":"lamp"}'), body)
    assert (answer.body, answer.usage) == (body, Usage(input=3, output=2))
    assert OpenAIAdapter().usage_in(body[30:]) == Usage(input=3, output=2)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"object":"response"}'])
def test_a_success_that_is_no_answer_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_responses_answer(body)


@pytest.mark.parametrize(
    ("error", "status", "fault"),
    [
        ({"code": "server_error", "message": "Out."}, 500, Fault.CAPACITY),
        ({"code": "rate_limit_exceeded", "message": "Later."}, 429, Fault.CAPACITY),
        ({"code": "insufficient_quota", "message": "Pay."}, 429, Fault.QUOTA),
        ({"code": "image_parse_error", "message": "What?"}, 400, Fault.CALLER),
        ({"code": "novel_code", "message": "?"}, 500, Fault.CAPACITY),
    ],
)
def test_a_failed_response_is_refused(error: dict[str, str], status: int, fault: Fault) -> None:
    with pytest.raises(Refused) as caught:
        read_responses_answer(orjson.dumps({"object": "response", "status": "failed", "error": error, "output": []}))
    assert (caught.value.reply.status, caught.value.fault) == (status, fault)


def test_usage_comes_in_disjoint_classes() -> None:
    counts = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 15},
        "total_tokens": 120,
    }
    assert read_responses_usage(counts) == Usage(30, 60, 10, 5, 15)
    assert read_responses_usage({**counts, "total_tokens": 135}) == Usage(30, 60, 10, 20, 15)
    assert read_responses_usage({"input_tokens": None}) is None
    assert read_responses_usage("many") is None
    assert find_responses_usage(b'..."usage":{"input_tokens":7,"output_tokens":1}}') == Usage(input=7, output=1)
    assert find_responses_usage(b'"usage":{"input_to') is None
