"""OpenAI's own Python client, in front of every protocol: chat completions and responses."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.clients import stage
from tests.conformance.said import LENGTH, TEXT, THOUGHT
from tests.support.gateway import Gateway

TOOL: Any = {
    "type": "function",
    "function": {"name": stage.TOOL_NAME, "description": "Look outside.", "parameters": stage.TOOL_SCHEMA},
}
FLAT_TOOL: Any = {
    "type": "function",
    "name": stage.TOOL_NAME,
    "description": "Look outside.",
    "parameters": stage.TOOL_SCHEMA,
    "strict": True,
}


class City(BaseModel):
    city: str
    people: int


@pytest.fixture(scope="module")
def client(fronted: Gateway, api_key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{fronted.base_url}/v1", api_key=api_key, max_retries=0, timeout=15) as made:
        yield made


def asked(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


def test_a_completion(client: openai.OpenAI, model: str) -> None:
    made = client.chat.completions.create(model=model, messages=asked(stage.TEXT_PROMPT), max_tokens=200)
    assert made.choices[0].message.content == TEXT.text
    assert made.choices[0].finish_reason == "stop"
    assert made.usage is not None
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (31, 17)
    assert made.id
    assert made.created > 0


def test_a_stream(client: openai.OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=asked(stage.TEXT_PROMPT), max_tokens=200, stream_options={"include_usage": True}
    ) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        made = stream.get_final_completion()
    assert text == made.choices[0].message.content == TEXT.text
    assert made.usage is not None
    assert made.usage.total_tokens == 48


def test_what_is_cut_at_the_limit_says_so(client: openai.OpenAI, model: str) -> None:
    made = client.chat.completions.create(model=model, messages=asked(stage.LENGTH_PROMPT), max_tokens=8)
    assert (made.choices[0].message.content, made.choices[0].finish_reason) == (LENGTH.text, "length")


def test_reasoning_stands_beside_the_answer(client: openai.OpenAI, model: str) -> None:
    made = client.chat.completions.create(
        model=model, messages=asked(stage.THOUGHT_PROMPT), max_tokens=4000, reasoning_effort="low"
    )
    message = made.choices[0].message
    assert message.content == THOUGHT.text
    assert (message.model_extra or {}).get("reasoning_content") == THOUGHT.reasoning


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_is_called_and_answered(client: openai.OpenAI, model: str, *, streamed: bool) -> None:
    messages = asked(stage.TOOL_PROMPT)

    def say() -> Any:
        if not streamed:
            return client.chat.completions.create(model=model, messages=messages, tools=[TOOL], max_tokens=200)
        with client.chat.completions.stream(model=model, messages=messages, tools=[TOOL], max_tokens=200) as stream:
            return stream.get_final_completion()

    choice = say().choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (stage.TOOL_NAME, {"place": "Nørrebro"})
    messages += [choice.message.model_dump(exclude_none=True, exclude={"parsed"})]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": stage.OUTSIDE}]
    for told in messages[1].get("tool_calls", ()):  # what the streaming helper adds is nobody's field
        told["function"].pop("parsed_arguments", None)
    assert say().choices[0].message.content == stage.TOLD.text


def test_an_answer_by_a_schema(client: openai.OpenAI, model: str) -> None:
    made = client.chat.completions.parse(
        model=model, messages=asked(stage.CITY_PROMPT), response_format=City, max_tokens=200
    )
    assert made.choices[0].message.parsed == City(city="Aarhus", people=290598)


def test_errors_are_the_clients_own(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as too_long:
        client.chat.completions.create(model=model, messages=asked(stage.LONG_PROMPT))
    assert too_long.value.code == "context_length_exceeded"
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=model, messages=asked(stage.LIMITED_PROMPT))
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=model, messages=asked(stage.LIMITED_PROMPT), stream=True)


def test_a_response(client: openai.OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=stage.TEXT_PROMPT, max_output_tokens=200)
    assert (made.output_text, made.status) == (TEXT.text, "completed")
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.output_tokens) == (31, 17)


def test_a_streamed_response(client: openai.OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input=stage.TEXT_PROMPT, max_output_tokens=200) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert text == stream.get_final_response().output_text == TEXT.text


def test_a_response_calls_a_tool_and_is_answered(client: openai.OpenAI, model: str) -> None:
    made = client.responses.create(
        model=model, input=stage.TOOL_PROMPT, tools=[FLAT_TOOL], max_output_tokens=200, store=False
    )
    call = next(item for item in made.output if item.type == "function_call")
    assert json.loads(call.arguments) == {"place": "Nørrebro"}
    turns: Any = [
        {"role": "user", "content": stage.TOOL_PROMPT},
        *[item.model_dump(exclude_none=True) for item in made.output],
        {"type": "function_call_output", "call_id": call.call_id, "output": stage.OUTSIDE},
    ]
    told = client.responses.create(model=model, input=turns, tools=[FLAT_TOOL], max_output_tokens=200, store=False)
    assert told.output_text == stage.TOLD.text


def test_a_response_by_a_schema(client: openai.OpenAI, model: str) -> None:
    made = client.responses.parse(model=model, input=stage.CITY_PROMPT, text_format=City, max_output_tokens=200)
    assert made.output_parsed == City(city="Aarhus", people=290598)


def test_errors_of_responses_are_the_clients_own(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=model, input=stage.LONG_PROMPT)
    with pytest.raises(openai.RateLimitError):
        client.responses.create(model=model, input=stage.LIMITED_PROMPT)
