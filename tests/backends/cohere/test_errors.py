"""What Cohere's errors mean, and what of them is repeated."""

import json

import pytest

from backends.errors import Fault
from backends.providers.cohere import CohereAdapter
from tests.backends.cohere.played import fixture, named


@pytest.mark.parametrize("name", named("error"))
def test_an_error_is_classified_by_whose_fault_it_is(name: str) -> None:
    said = fixture(name)
    refused = CohereAdapter().parse_error(said["status"], said["headers"], json.dumps(said["body"]).encode())
    assert refused.fault is Fault(said["fault"])
    assert refused.reply.status == said["status"]
    assert refused.reply.body is None
    assert refused.reply.request_id == said["headers"].get("x-debug-trace-id", said["body"].get("id"))
    kept = None if refused.fault is Fault.CREDENTIAL else said["body"]["message"]
    assert refused.reply.message == kept


def test_an_overflow_has_the_code_that_clients_know() -> None:
    said = fixture("error_too_long")
    assert (
        CohereAdapter().parse_error(400, {}, json.dumps(said["body"]).encode()).reply.code == "context_length_exceeded"
    )


def test_the_wait_that_is_asked_for_is_kept() -> None:
    said = fixture("error_limited")
    assert CohereAdapter().parse_error(429, said["headers"], json.dumps(said["body"]).encode()).retry_after_s == 2.0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": 5}'])
def test_an_error_without_words_still_has_a_fault(body: bytes) -> None:
    assert CohereAdapter().parse_error(500, {}, body).fault is Fault.CAPACITY
