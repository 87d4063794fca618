"""Whole answers: read, never rebuilt."""

import pytest

from backends.errors import BadAnswer, Refused
from backends.providers.openai.response import read_answer, read_usage
from backends.types import Usage


def test_the_answers_bytes_stay_as_they_are() -> None:
    body = b'{ "id":"x", "choices" : [{"message":{"content":"hi"}}], "usage":{"prompt_tokens":3,"completion_tokens":2}}'
    answer = read_answer(body)
    assert answer.body is body
    assert answer.usage == Usage(input=3, output=2)


def test_reasoning_counted_beside_the_completion_is_told_by_the_total() -> None:
    xai = {
        "prompt_tokens": 10,
        "completion_tokens": 15,
        "total_tokens": 414,
        "completion_tokens_details": {"reasoning_tokens": 389},
    }
    assert read_usage(xai) == Usage(input=10, output=15, reasoning=389)
    openai = {**xai, "completion_tokens": 404, "total_tokens": 414}
    assert read_usage(openai) == Usage(input=10, output=15, reasoning=389)


@pytest.mark.parametrize("usage", [None, {}, [], "7", {"prompt_tokens": None}, {"prompt_tokens": "3"}])
def test_no_usage_is_none_never_zero(usage: object) -> None:
    assert read_usage(usage) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":null}'])
def test_a_success_without_an_answer_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_answer(body)


def test_an_error_inside_a_success_is_a_refusal() -> None:
    with pytest.raises(Refused) as caught:
        read_answer(b'{"error":{"message":"overloaded","code":503}}')
    assert caught.value.reply.status == 503
