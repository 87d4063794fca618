"""Reasoning under both names, by bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.types import ChatRequest
from backends.vllm.reasoning import name_reasoning_as_vllm_does, put_both_names

SCHEMA_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"reasoning_content": {}}}}}


def chat(body: dict[str, Any], raw: bytes | None = None) -> ChatRequest:
    return ChatRequest(
        raw=raw or json.dumps(body).encode(), body=body, model=str(body["model"]), stream=False, wants_usage=False
    )


def test_an_answers_reasoning_is_put_beside_itself_and_nothing_else_changes() -> None:
    said = b'{"message":{"content":null,"reasoning":"so \\"it\\" is","x":1}}'

    assert put_both_names(said) == (
        b'{"message":{"content":null,"reasoning":"so \\"it\\" is","reasoning_content":"so \\"it\\" is","x":1}}'
    )


def test_an_older_engines_reasoning_content_gets_the_newer_name_too() -> None:
    assert put_both_names(b'{"reasoning_content": "a"}') == b'{"reasoning_content": "a","reasoning": "a"}'


@pytest.mark.parametrize(
    "said",
    [
        b'{"reasoning":"a","reasoning_content":"a"}',
        b'{"reasoning":null,"content":"a"}',
        b'{"content":"he wrote {\\"reasoning\\":\\"x\\"} and ,\\"reasoning\\":\\"y\\""}',
        b'{"content":"\\"reasoning","more":"x"}',
        b'{"tool_calls":[{"arguments":"{\\"reasoning\\": \\"x\\"}"}]}',
        b'{"usage":{"reasoning":11}}',
    ],
)
def test_what_is_no_reasoning_text_is_left_alone(said: bytes) -> None:
    assert put_both_names(said) == said


@given(st.text(), st.text())
def test_any_text_survives_being_put_beside_itself(reasoning: str, content: str) -> None:
    said = json.dumps({"content": content, "reasoning": reasoning}).encode()

    heard = json.loads(put_both_names(said))

    assert heard == {"content": content, "reasoning": reasoning, "reasoning_content": reasoning}


def test_a_request_without_reasoning_is_the_same_object() -> None:
    request = chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]})

    assert name_reasoning_as_vllm_does(request) is request


def test_a_messages_reasoning_content_is_renamed_in_place() -> None:
    raw = (
        b'{ "model":"m",  "messages":[{"role":"assistant", "reasoning_content" : "a","content":"b"},'
        b'{"role":"user","content":"what is \\"reasoning_content\\": ?"}]}'
    )

    renamed = name_reasoning_as_vllm_does(chat(json.loads(raw), raw))

    assert renamed.raw == raw.replace(b'"reasoning_content" :', b'"reasoning" :')
    assert renamed.body == json.loads(renamed.raw)


def test_a_property_of_that_name_in_a_tools_schema_keeps_its_name() -> None:
    body = {
        "model": "m",
        "tools": [SCHEMA_TOOL],
        "messages": [{"role": "assistant", "reasoning_content": "a"}, {"role": "user", "content": "hi"}],
    }

    renamed = name_reasoning_as_vllm_does(chat(body))

    assert json.loads(renamed.raw) == renamed.body
    assert renamed.body["tools"] == [SCHEMA_TOOL]
    assert renamed.body["messages"][0] == {"role": "assistant", "reasoning": "a"}


def test_a_schema_alone_changes_nothing() -> None:
    request = chat({"model": "m", "tools": [SCHEMA_TOOL], "messages": [{"role": "user", "content": "hi"}]})

    assert name_reasoning_as_vllm_does(request) is request


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning": "new", "reasoning_content": "old"}, "new"),
        ({"reasoning": None, "reasoning_content": "old"}, "old"),
    ],
)
def test_a_message_with_both_names_goes_up_with_one(message: dict[str, Any], reasoning: str) -> None:
    renamed = name_reasoning_as_vllm_does(chat({"model": "m", "messages": [message]}))

    assert json.loads(renamed.raw)["messages"] == [{"reasoning": reasoning}]


@pytest.mark.parametrize("messages", [None, "reasoning_content", [1, None, "reasoning_content"], {}])
def test_messages_of_no_known_shape_pass_as_they_came(messages: Any) -> None:
    request = chat({"model": "m", "messages": messages, "x": "reasoning_content"})

    assert name_reasoning_as_vllm_does(request) is request
