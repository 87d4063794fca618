"""Anthropic's own Python client, in front of every protocol."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.clients import stage
from tests.conformance.said import LENGTH, TEXT, THOUGHT
from tests.support.gateway import Gateway

TOOL: Any = {"name": stage.TOOL_NAME, "description": "Look outside.", "input_schema": stage.TOOL_SCHEMA}


@pytest.fixture(scope="module")
def client(fronted: Gateway, api_key: str) -> Iterator[anthropic.Anthropic]:
    base_url = f"{fronted.base_url}/anthropic"
    with anthropic.Anthropic(base_url=base_url, api_key=api_key, max_retries=0, timeout=15) as made:
        yield made


def asked(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


def test_a_message(client: anthropic.Anthropic, model: str) -> None:
    made = client.messages.create(model=model, max_tokens=200, messages=asked(stage.TEXT_PROMPT), system="Be brief.")
    [block] = made.content
    assert block.type == "text"
    assert (block.text, made.stop_reason) == (TEXT.text, "end_turn")
    assert (made.usage.input_tokens, made.usage.output_tokens) == (31, 17)


def test_a_stream(client: anthropic.Anthropic, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=200, messages=asked(stage.TEXT_PROMPT)) as stream:
        assert "".join(stream.text_stream) == TEXT.text
        made = stream.get_final_message()
    assert (made.stop_reason, made.usage.output_tokens) == ("end_turn", 17)


def test_what_is_cut_at_the_limit_says_so(client: anthropic.Anthropic, model: str) -> None:
    made = client.messages.create(model=model, max_tokens=8, messages=asked(stage.LENGTH_PROMPT))
    assert made.stop_reason == "max_tokens"
    assert made.content[0].type == "text"
    assert made.content[0].text == LENGTH.text


@pytest.mark.parametrize("streamed", [False, True])
def test_thinking_comes_before_the_answer(client: anthropic.Anthropic, model: str, *, streamed: bool) -> None:
    options: Any = {
        "model": model,
        "max_tokens": 4000,
        "messages": asked(stage.THOUGHT_PROMPT),
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    if streamed:
        with client.messages.stream(**options) as stream:
            made = stream.get_final_message()
    else:
        made = client.messages.create(**options)
    # What is signed apart from the thinking may stand beside it, sealed: `redacted_thinking`.
    thinking, text = (block for block in made.content if block.type != "redacted_thinking")
    assert (thinking.type, text.type) == ("thinking", "text")
    assert (thinking.thinking, text.text) == (THOUGHT.reasoning, THOUGHT.text)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_is_called_and_answered(client: anthropic.Anthropic, model: str, *, streamed: bool) -> None:
    messages = asked(stage.TOOL_PROMPT)

    def say() -> anthropic.types.Message:
        if not streamed:
            return client.messages.create(model=model, max_tokens=200, messages=messages, tools=[TOOL])
        with client.messages.stream(model=model, max_tokens=200, messages=messages, tools=[TOOL]) as stream:
            return stream.get_final_message()

    made = say()
    assert made.stop_reason == "tool_use"
    call = made.content[-1]
    assert call.type == "tool_use"
    assert (call.name, call.input) == (stage.TOOL_NAME, {"place": "Nørrebro"})
    messages += [{"role": "assistant", "content": made.content}]
    messages += [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": stage.OUTSIDE}]}
    ]
    told = say().content[-1]
    assert told.type == "text"
    assert told.text == stage.TOLD.text


def test_an_answer_by_a_schema(client: anthropic.Anthropic, model: str) -> None:
    made = client.messages.create(
        model=model,
        max_tokens=200,
        messages=asked(stage.CITY_PROMPT),
        output_config={"format": {"type": "json_schema", "schema": stage.CITY_SCHEMA}},
    )
    assert made.content[-1].type == "text"
    assert json.loads(made.content[-1].text) == {"city": "Aarhus", "people": 290598}


def test_errors_are_the_clients_own(client: anthropic.Anthropic, model: str) -> None:
    def ask(prompt: str) -> None:
        client.messages.create(model=model, max_tokens=9, messages=asked(prompt))

    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        ask(stage.LONG_PROMPT)
    with pytest.raises(anthropic.RateLimitError):
        ask(stage.LIMITED_PROMPT)
