"""Whole answers of Converse in the common form."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer
from backends.providers.bedrock import BedrockAdapter
from backends.types import Clocks, Usage
from tests.backends.bedrock.played import asked, fixture, named, target


@pytest.mark.parametrize("name", named("answer"))
def test_an_answer_says_all_that_bedrock_said(name: str) -> None:
    said = fixture(name)
    completion = BedrockAdapter().read(asked(), json.dumps(said["answer"]).encode())
    (choice,) = completion.answer["choices"]
    assert choice["message"] == said["message"]
    for field in ("finish_reason", "native_finish_reason"):
        assert choice[field] == said[field]
    assert choice.get("stop_reason") == said.get("stop_reason")
    assert completion.usage == Usage(*said["usage"])
    assert completion.usage.prompt + completion.usage.completion == said["answer"]["usage"]["totalTokens"]
    assert completion.answer["object"] == "chat.completion"
    assert completion.answer["created"] == 1_700_000_000


def test_a_tier_that_served_is_told() -> None:
    answer = fixture("answer_text")["answer"]
    assert BedrockAdapter().read(asked(), json.dumps(answer).encode()).answer["service_tier"] == "flex"


def test_a_call_of_the_providers_own_tools_alone_is_nobodys_to_answer() -> None:
    answer = fixture("answer_citations_and_server_tools")["answer"] | {"stopReason": "tool_use"}
    choice = BedrockAdapter().read(asked(), json.dumps(answer).encode()).answer["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


def test_thoughts_survive_a_client_that_keeps_what_it_was_given() -> None:
    answer = fixture("answer_tools_and_thoughts")["answer"]
    message = BedrockAdapter().read(asked(), json.dumps(answer).encode()).answer["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in message["tool_calls"]]
    chat = asked({"model": "m", "messages": [{"role": "user", "content": "?"}, message, *results]})
    request = BedrockAdapter().build_request(chat, target("anthropic.claude-haiku-4-5-20251001-v1:0"), Clocks())
    given_back = json.loads(request.body)["messages"][1]["content"]
    expected = answer["output"]["message"]["content"]
    expected[-1]["toolUse"].pop("type")
    assert given_back == expected


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"output": null}',
        b'{"output": {"message": {"content": "x"}}}',
        b'{"output": {"message": {"content": [1]}}}',
        b'{"output": {"message": {"content": [{"toolUse": {}}]}}}',
        b'{"output": {"message": {"content": [{"toolUse": null}]}}}',
        b'{"output": {"message": {"content": [{"reasoningContent": 1}]}}}',
    ],
)
def test_what_is_no_answer_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        BedrockAdapter().read(asked(), body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["text", "toolUse", "reasoningContent", "citationsContent", "image", "citations", "content"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=4))
@settings(max_examples=200)
def test_no_content_breaks_it_but_as_a_bad_answer(content: list[object]) -> None:
    body = {"output": {"message": {"content": content}}, "stopReason": "end_turn"}
    try:
        BedrockAdapter().read(asked(), json.dumps(body).encode())
    except BadAnswer:
        return
