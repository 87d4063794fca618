"""Anthropic's whole answers: as they are, and in the common form."""

import json

import pytest

from backends.errors import BadAnswer, Fault, Refused
from backends.providers.anthropic import find_usage, read_answer, read_completion, read_count
from backends.types import Usage
from tests.backends.anthropic.played import ANSWERS, answer, chat, expected, said_in_message


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_says_in_the_common_form_what_it_said(name: str) -> None:
    completion = read_completion(chat(created=1764072000), answer(name))
    said = completion.answer
    assert said_in_message(said["choices"][0], said["service_tier"], completion.usage) == expected(name)
    assert said["object"] == "chat.completion"
    assert said["created"] == 1764072000
    assert said["id"] == json.loads(answer(name))["id"]
    assert "usage" not in said


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_passes_stays_as_it_is_and_its_usage_is_read(name: str) -> None:
    read = read_answer(answer(name))
    assert read.body == answer(name)
    assert read.usage == Usage(*expected(name)["usage"])
    assert find_usage(answer(name)[-2000:]) == read.usage


def test_a_count_costs_nothing() -> None:
    read = read_count(b'{"input_tokens": 2095}')
    assert read.usage == Usage()
    with pytest.raises(BadAnswer):
        read_count(b'{"tokens": 1}')


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"content": "text"}', b'{"content": [7]}', b"\xff"])
def test_a_success_without_a_message_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_answer(body)
    with pytest.raises(BadAnswer):
        read_completion(chat(), body)


def test_an_error_inside_a_success_is_an_error() -> None:
    body = b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}'
    with pytest.raises(Refused) as refused:
        read_completion(chat(), body)
    assert refused.value.reply.status == 429
    assert refused.value.fault is Fault.CAPACITY


def test_a_refusal_without_words_gets_some() -> None:
    message = {**json.loads(answer("unary_text")), "content": [], "stop_reason": "refusal"}
    choice = read_completion(chat(), json.dumps(message).encode()).answer["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["refusal"]


def test_an_unknown_stop_reason_stops_and_keeps_its_name() -> None:
    message = {**json.loads(answer("unary_text")), "stop_reason": "tide_turned"}
    choice = read_completion(chat(), json.dumps(message).encode()).answer["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "tide_turned")
