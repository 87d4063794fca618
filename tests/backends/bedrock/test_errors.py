"""What Bedrock's errors mean, and what of them is repeated."""

import json

import pytest

from backends.errors import Fault
from backends.providers.bedrock import BedrockAdapter
from tests.backends.bedrock.played import fixture, named


@pytest.mark.parametrize("name", named("error"))
def test_an_error_is_classified_by_whose_fault_it_is(name: str) -> None:
    said = fixture(name)
    refused = BedrockAdapter().parse_error(said["status"], said["headers"], json.dumps(said["body"]).encode())
    assert refused.fault is Fault(said["fault"])
    assert refused.reply.status == said["status"]
    assert refused.reply.body is None
    assert refused.reply.request_id == said["headers"].get("x-amzn-requestid")
    kind = said["headers"].get("x-amzn-errortype")
    assert refused.reply.type == (kind.split(":")[0] if kind else None)


def test_the_wait_that_is_asked_for_is_kept() -> None:
    said = fixture("error_throttled")
    refused = BedrockAdapter().parse_error(429, said["headers"], json.dumps(said["body"]).encode())
    assert refused.retry_after_s == 3.0
    assert refused.reply.message == "Too many requests, please wait before trying again."


def test_accounts_and_keys_are_not_repeated() -> None:
    said = fixture("error_malformed")
    message = BedrockAdapter().parse_error(400, said["headers"], json.dumps(said["body"]).encode()).reply.message
    assert message == "The role arn:aws:iam::***:role/keeper with *** sent a malformed input."


@pytest.mark.parametrize("name", ["error_denied", "error_expired", "error_unknown_key"])
def test_of_a_refused_credential_nothing_is_repeated(name: str) -> None:
    said = fixture(name)
    refused = BedrockAdapter().parse_error(said["status"], said["headers"], json.dumps(said["body"]).encode())
    assert refused.reply.message is None
    assert "123456789012" not in str(refused)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"message": 5}'])
def test_an_error_without_words_still_has_a_fault(body: bytes) -> None:
    assert BedrockAdapter().parse_error(500, {}, body).fault is Fault.CAPACITY
    assert BedrockAdapter().parse_error(400, {}, body).fault is Fault.CALLER
