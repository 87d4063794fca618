"""What Anthropic's errors mean."""

import json

import pytest

from backends.errors import Fault
from backends.providers.anthropic import error_in_answer, read_error
from tests.backends.anthropic.played import ERRORS, FIXTURES


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_classified_by_whose_fault_it_is(name: str) -> None:
    told = json.loads((FIXTURES / f"{name}.json").read_text())
    body = json.dumps(told["body"]).encode()
    refused = read_error(told["status"], told["headers"], body)
    assert refused.fault == told["fault"]
    assert refused.retry_after_s == told["retry_after_s"]
    assert refused.reply.status == told["status"]
    assert refused.reply.type == told["body"]["error"]["type"]
    assert refused.reply.request_id == told["body"].get("request_id")
    if refused.fault is Fault.CREDENTIAL:
        assert refused.reply.body is None
        assert refused.reply.message is None
    else:
        assert refused.reply.body == body
        assert refused.reply.message == told["body"]["error"]["message"]


def test_the_same_error_inside_an_answer_has_the_status_of_its_type() -> None:
    for name in ERRORS:
        told = json.loads((FIXTURES / f"{name}.json").read_text())
        assert error_in_answer(told["body"]).reply.status == told["status"], name


def test_a_refused_connection_at_the_gates_costs_nothing_and_a_failure_inside_may() -> None:
    overloaded = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert not read_error(529, {}, overloaded).may_have_billed
    assert read_error(500, {}, overloaded).may_have_billed


def test_a_key_in_an_error_is_not_repeated() -> None:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"sk-ant-api03-abcdefgh is odd"}}'
    refused = read_error(400, {}, body)
    assert refused.reply.message is None
    assert refused.reply.body is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"[]", b"[{}]", b'{"error": 7}', b'{"type":"error","error":null}']
)
def test_what_is_no_error_object_still_has_a_status(body: bytes) -> None:
    refused = read_error(529, {}, body)
    assert refused.fault is Fault.CAPACITY
    assert refused.reply.body is None


def test_a_limit_without_a_date_to_measure_against_names_no_time() -> None:
    headers = {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-25T12:00:37Z"}
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}'
    assert read_error(429, headers, body).retry_after_s is None
