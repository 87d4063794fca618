"""Whole answers of Cohere's chat in the common form."""

import json

import pytest

from backends.errors import BadAnswer, Fault, Refused
from backends.providers.cohere import CohereAdapter
from backends.providers.cohere.usage import read_usage
from backends.types import Clocks, Usage
from tests.backends.cohere.played import asked, fixture, named, target


@pytest.mark.parametrize("name", named("answer"))
def test_an_answer_says_all_that_cohere_said(name: str) -> None:
    said = fixture(name)
    completion = CohereAdapter().read(asked(), json.dumps(said["answer"]).encode())
    (choice,) = completion.answer["choices"]
    assert choice["message"] == said["message"]
    assert choice["finish_reason"] == said["finish_reason"]
    assert choice["native_finish_reason"] == said["native_finish_reason"]
    assert completion.answer["id"] == said["answer"]["id"]
    assert completion.usage == Usage(*said["usage"])


def test_usage_is_what_is_billed_and_not_what_was_read() -> None:
    usage = fixture("answer_citations")["answer"]["usage"]
    read = read_usage(usage)
    assert read is not None
    assert read.prompt == usage["billed_units"]["input_tokens"]
    assert read.completion == usage["billed_units"]["output_tokens"]
    assert read_usage({"tokens": usage["tokens"], "cached_tokens": 144}) == Usage(256, 144, 0, 13, 7)
    assert read_usage({}) is None


def test_probabilities_of_several_tokens_keep_their_number() -> None:
    answer = fixture("answer_text")["answer"]
    choice = CohereAdapter().read(asked(), json.dumps(answer).encode()).answer["choices"][0]
    told = choice["logprobs"]["content"]
    assert [(entry["token"], entry["logprob"]) for entry in told] == [("A", -0.25), (" buoy.", -0.5), ("", -1.0)]
    assert told[1]["bytes"] == list(b" buoy.")


def test_thoughts_and_plans_survive_a_client_that_keeps_what_it_was_given() -> None:
    answer = fixture("answer_tools")["answer"]
    message = CohereAdapter().read(asked(), json.dumps(answer).encode()).answer["choices"][0]["message"]
    chat = asked({"model": "m", "messages": [{"role": "user", "content": "?"}, message]})
    given_back = json.loads(CohereAdapter().build_request(chat, target(), Clocks()).body)["messages"][1]
    assert given_back["tool_plan"] == answer["message"]["tool_plan"]
    assert given_back["tool_calls"][0] == answer["message"]["tool_calls"][0]


@pytest.mark.parametrize(
    ("reason", "fault"),
    [("ERROR", Fault.CAPACITY), ("TIMEOUT", Fault.CAPACITY), ("ERROR_TOXIC", Fault.CONTENT_POLICY)],
)
def test_an_answer_that_failed_inside_a_200_is_an_error(reason: str, fault: Fault) -> None:
    answer = fixture("answer_text")["answer"] | {"finish_reason": reason}
    with pytest.raises(Refused) as refused:
        CohereAdapter().read(asked(), json.dumps(answer).encode())
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"message": "x"}',
        b'{"message": {"content": [1]}}',
        b'{"message": {"tool_calls": [{}]}}',
    ],
)
def test_what_is_no_answer_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        CohereAdapter().read(asked(), body)
