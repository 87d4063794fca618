"""Chat through the gateway with the real engine behind it: answers, streams, reasoning, tools, schemas."""

import json
import threading
from typing import Any

import pytest
from openai import OpenAI

from tests.support.caller import Answer, Caller, sse_data
from tests.vllm.engine import MODEL, Engine
from tests.vllm.words import (
    ANSWER,
    ANSWER_AFTER_REASONING,
    ANSWER_TOKENS,
    CALL,
    REASONED_ANSWER_TOKENS,
    REASONING,
    TOOL_THOUGHT,
    WEATHER,
)

pytestmark = pytest.mark.vllm

HI: list[Any] = [{"role": "user", "content": "hi"}]
TOOLS: list[Any] = [WEATHER]
NAMED: Any = {"type": "function", "function": {"name": "get_weather"}}
REASONING_TURN_TOKENS = 8
"""Of "Okay, someone" as the template puts it: `<think>`, newline, three words, newline, `</think>`, blank line."""
NO_THINKING: dict[str, Any] = {"reasoning_effort": "none"}


def deltas(answer: Answer, index: int = 0) -> list[dict[str, Any]]:
    """The deltas of one choice of a stream that ended well."""
    assert answer.status == 200, answer.body
    *events, last = sse_data(answer.body)
    assert last == b"[DONE]"
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return [choice["delta"] for choice in choices if choice["index"] == index]


def joined(pieces: list[dict[str, Any]], field: str) -> str:
    """One field of all deltas, put together."""
    return "".join(piece.get(field) or "" for piece in pieces)


def test_a_unary_answer_is_the_models_own_words(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HI)

    choice = answer.choices[0]
    assert (answer.model, choice.finish_reason) == (MODEL, "stop")
    assert choice.message.content == ANSWER_AFTER_REASONING
    assert answer.usage is not None
    assert answer.usage.completion_tokens == REASONED_ANSWER_TOKENS


def test_reasoning_comes_under_both_names_in_a_unary_answer(app: Caller) -> None:
    message = app.chat(MODEL, messages=HI).json["choices"][0]["message"]

    assert message["reasoning"] == REASONING
    assert message["reasoning_content"] == REASONING


def test_an_answer_says_which_engine_gave_it(app: Caller, engine: Engine) -> None:
    answer = app.chat(MODEL, messages=HI, max_tokens=1)

    assert answer.headers["x-headrace-target"] == f"qwen/{MODEL}@127.0.0.1:{engine.port}"


def test_reasoning_effort_none_turns_thinking_off(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HI, reasoning_effort="none")

    message = answer.choices[0].message
    assert message.content == ANSWER
    assert getattr(message, "reasoning", None) is None
    assert getattr(message, "reasoning_content", None) is None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == ANSWER_TOKENS


def test_a_stream_is_the_models_own_words_and_ends_with_its_terminator(app: Caller) -> None:
    pieces = deltas(app.chat(MODEL, messages=HI, stream=True))

    assert joined(pieces, "content") == ANSWER_AFTER_REASONING
    assert joined(pieces, "reasoning") == REASONING
    assert joined(pieces, "reasoning_content") == REASONING
    assert all(piece.get("reasoning") == piece.get("reasoning_content") for piece in pieces)
    assert len(pieces) > 20  # token by token, not at one go


def test_a_stream_with_thinking_off_has_no_reasoning(app: Caller) -> None:
    pieces = deltas(app.chat(MODEL, messages=HI, stream=True, **NO_THINKING))

    assert joined(pieces, "content") == ANSWER
    assert not joined(pieces, "reasoning") + joined(pieces, "reasoning_content")


def test_the_usage_chunk_comes_only_to_who_asks_for_it(app: Caller) -> None:
    asked = app.chat(MODEL, messages=HI, stream=True, stream_options={"include_usage": True})
    silent = app.chat(MODEL, messages=HI, stream=True)

    last = json.loads(sse_data(asked.body)[-2])
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == REASONED_ANSWER_TOKENS
    assert not [event for event in sse_data(silent.body)[:-1] if json.loads(event).get("usage")]


def test_the_official_client_reads_a_stream(client: OpenAI) -> None:
    with client.chat.completions.create(model=MODEL, messages=HI, stream=True) as stream:
        chunks = [chunk.choices[0].delta for chunk in stream if chunk.choices]

    assert "".join(delta.content or "" for delta in chunks) == ANSWER_AFTER_REASONING
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in chunks) == REASONING


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_earlier_reasoning_reaches_the_model_under_either_name(client: OpenAI, name: str) -> None:
    def prompt_tokens(**earlier: str) -> int:
        turns: list[Any] = [*HI, {"role": "assistant", "content": "Hello", **earlier}, *HI]
        answer = client.chat.completions.create(model=MODEL, messages=turns, max_tokens=1)
        assert answer.usage is not None
        return answer.usage.prompt_tokens

    assert prompt_tokens(**{name: "Okay, someone"}) == prompt_tokens() + REASONING_TURN_TOKENS


@pytest.mark.parametrize(
    ("choice", "finish_reason"), [("required", "tool_calls"), (NAMED, "stop")], ids=["required", "named"]
)
def test_a_forced_tool_is_called(client: OpenAI, choice: Any, finish_reason: str) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HI, tools=TOOLS, tool_choice=choice, reasoning_effort="none"
    )

    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.model_dump() for call in calls if call.type == "function"] == [CALL]
    assert answer.choices[0].finish_reason == finish_reason  # vLLM's own: "stop" when the tool was named


def test_a_tool_is_called_after_reasoning(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HI, tools=TOOLS)

    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert getattr(answer.choices[0].message, "reasoning_content", None) == TOOL_THOUGHT
    assert [call.function.model_dump() for call in calls if call.type == "function"] == [CALL]
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_streamed_tool_call_is_whole(app: Caller, choice: str) -> None:
    fields: dict[str, Any] = {"tools": TOOLS, "tool_choice": choice, "stream": True}
    pieces = deltas(app.chat(MODEL, messages=HI, **fields))

    calls = [call["function"] for piece in pieces for call in piece.get("tool_calls") or []]
    assert [call["name"] for call in calls if call.get("name")] == [CALL["name"]]
    assert json.loads("".join(call.get("arguments") or "" for call in calls)) == {"city": "Paris"}


def test_an_agents_loop_ends_with_a_plain_answer(client: OpenAI) -> None:
    asked = client.chat.completions.create(model=MODEL, messages=HI, tools=TOOLS).choices[0].message
    assert asked.tool_calls is not None
    result: Any = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "rain"}
    turns: list[Any] = [*HI, asked.model_dump(exclude_none=True), result]
    answer = client.chat.completions.create(model=MODEL, messages=turns, tools=TOOLS)

    assert answer.choices[0].message.content == ANSWER_AFTER_REASONING


def test_a_json_schema_is_kept_to(client: OpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "place", "schema": {**schema, "additionalProperties": False}},
    }
    answer = client.chat.completions.create(
        model=MODEL, messages=HI, response_format=form, reasoning_effort="none", max_tokens=400
    )

    place = json.loads(answer.choices[0].message.content or "")
    assert list(place) == ["city"]
    assert place["city"] in {"Paris", "Rome"}


def test_two_choices_come_in_one_stream(app: Caller) -> None:
    answer = app.chat(MODEL, messages=HI, stream=True, n=2)

    for index in range(2):
        assert joined(deltas(answer, index), "content") == ANSWER_AFTER_REASONING
        assert joined(deltas(answer, index), "reasoning_content") == REASONING


def test_two_streams_at_once_do_not_mix(app: Caller, engine: Engine) -> None:
    answers: dict[int, Answer] = {}

    def ask(tokens: int) -> None:
        answers[tokens] = app.chat(MODEL, messages=HI, stream=True, max_tokens=tokens, ignore_eos=True)

    threads = [threading.Thread(target=ask, args=(tokens,)) for tokens in (300, 301)]
    before = engine.metrics()["vllm:generation_tokens_total"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    texts = {tokens: joined(deltas(answer), "content") for tokens, answer in answers.items()}
    assert engine.metrics()["vllm:generation_tokens_total"] - before == 601
    assert texts[301].startswith(texts[300])
    assert len(texts[301].split()) == len(texts[300].split()) + 1
