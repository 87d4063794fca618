"""Each provider's way of speaking OpenAI's protocol, read as it is meant: whole, in pieces, and cut off."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Refused
from backends.providers.openai.decoder import OpenAIStreamDecoder
from backends.providers.openai.errors import read_error
from backends.providers.openai.response import read_answer, read_completion
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.types import Usage
from tests.backends.openai.scenarios import Scenario, errors, scenarios

STREAMS, ANSWERS, ERRORS = scenarios("sse"), scenarios("json"), errors()
GOOD_STREAMS = [stream for stream in STREAMS if "error" not in stream.expected]
BAD_STREAMS = [stream for stream in STREAMS if "error" in stream.expected]
WORDS = {"stop", "length", "tool_calls", "content_filter"}


def named(found: Iterable[Scenario]) -> Callable[..., Any]:
    return pytest.mark.parametrize("scenario", list(found), ids=lambda scenario: scenario.name)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def decode(pieces: Iterable[bytes]) -> tuple[list[dict[str, Any]], Usage | None]:
    decoder = OpenAIStreamDecoder()
    chunks = [deepcopy(chunk) for piece in pieces for chunk in decoder.feed(piece)]
    return [*chunks, *decoder.close()], decoder.usage


def gathered(chunks: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """What a caller of the first choice would have, with the promises of the common form checked on the way."""
    said: dict[str, Any] = {"text": "", "reasoning": "", "refusal": "", "calls": [], "annotations": [], "details": 0}
    for chunk in chunks:
        assert "usage" not in chunk
        assert "x_groq" not in chunk
        for choice in chunk["choices"]:
            part = choice[key]
            assert isinstance(part.get("content"), str | None)
            assert part.get("reasoning") == part.get("reasoning_content") != ""
            assert choice.get("finish_reason") in {None, *WORDS}
            if choice["index"] == 0:
                gather(said, choice, part)
    return said


def gather(said: dict[str, Any], choice: Mapping[str, Any], part: Mapping[str, Any]) -> None:
    for name, field in (("text", "content"), ("reasoning", "reasoning"), ("refusal", "refusal")):
        said[name] += part.get(field) or ""
    said["annotations"] += part.get("annotations") or []
    said["details"] += len(part.get("reasoning_details") or [])
    for call in part.get("tool_calls") or []:
        if call["index"] == len(said["calls"]):
            assert call["type"] == "function"
            assert call["id"]
            said["calls"].append([call["id"], call["function"]["name"], ""])
        else:
            assert "id" not in call
            assert "name" not in call["function"]
        said["calls"][call["index"]][2] += call["function"]["arguments"]
    if choice.get("finish_reason"):
        said["finish"], said["native"] = choice["finish_reason"], choice.get("native_finish_reason")


def check(said: Mapping[str, Any], usage: Usage | None, expected: Mapping[str, Any]) -> None:
    for name in ("text", "reasoning", "calls", "finish"):
        assert said[name] == expected[name], name
    assert (None if said["native"] == said["finish"] else said["native"]) == expected["native"]
    assert said["refusal"] == expected.get("refusal", "")
    assert said["annotations"] == expected.get("annotations", [])
    if "details" in expected:
        assert said["details"] == expected["details"]
    assert usage is not None
    assert list(usage) == expected["usage"]


@named(GOOD_STREAMS)
def test_a_stream_is_read_as_the_provider_means_it(scenario: Scenario) -> None:
    chunks, usage = decode([scenario.body])
    check(gathered(chunks, "delta"), usage, scenario.expected)


@named(GOOD_STREAMS)
def test_byte_by_byte_it_is_the_same(scenario: Scenario) -> None:
    assert decode([bytes([byte]) for byte in scenario.body]) == decode([scenario.body])


@named(GOOD_STREAMS)
@given(places=st.lists(st.integers(min_value=0), max_size=8))
@settings(max_examples=15)
def test_any_cut_of_the_bytes_gives_the_same_chunks_and_the_same_bytes(scenario: Scenario, places: list[int]) -> None:
    pieces = cut(scenario.body, places)
    assert decode(pieces) == decode([scenario.body])
    relay = OpenAIStreamRelay(hide_usage=False)
    passed = b"".join(relay.feed(piece) for piece in pieces) + relay.close()
    assert passed.removesuffix(b"data: [DONE]\n\n") == scenario.body.removesuffix(b"data: [DONE]\n\n")
    assert relay.usage is not None
    assert list(relay.usage) == scenario.expected["usage"]


@named(GOOD_STREAMS)
def test_a_stream_that_is_cut_between_two_events_is_never_taken_for_a_whole_one(scenario: Scenario) -> None:
    separator = b"\r\n\r\n" if b"\r\n\r\n" in scenario.body else b"\n\n"
    events = scenario.body.split(separator)
    for length in range(len(events) - 1):
        part = b"".join(event + separator for event in events[:length])
        for listener in (OpenAIStreamDecoder(), OpenAIStreamRelay(hide_usage=False)):
            listener.feed(part)
            ended = listener.finished
            try:
                listener.close()
            except ConnectionLost:
                assert not ended
            else:
                assert ended


@named(BAD_STREAMS)
def test_an_error_inside_a_stream_ends_it_as_an_error(scenario: Scenario) -> None:
    for listener in (OpenAIStreamDecoder(), OpenAIStreamRelay(hide_usage=False)):
        with pytest.raises(Refused) as caught:
            feed_and_close(listener, scenario.body)
        meant(caught.value, scenario.expected["error"])


def feed_and_close(listener: OpenAIStreamDecoder | OpenAIStreamRelay, data: bytes) -> None:
    listener.feed(data)
    listener.close()


def meant(refused: Refused, expected: Mapping[str, Any]) -> None:
    said = (refused.fault, refused.reply.status, refused.reply.code)
    assert said == (expected["fault"], expected["status"], expected["code"])


@named(ANSWERS)
def test_a_whole_answer_is_read_as_the_provider_means_it(scenario: Scenario) -> None:
    if "error" in scenario.expected:
        for read in (read_completion, read_answer):
            with pytest.raises(Refused) as caught:
                read(scenario.body)
            meant(caught.value, scenario.expected["error"])
        return
    completion = read_completion(scenario.body)
    check(gathered([completion.answer], "message"), completion.usage, scenario.expected)
    others = [choice["message"]["content"] for choice in completion.answer["choices"][1:]]
    assert others == scenario.expected.get("others", [])
    passed = read_answer(scenario.body)
    assert passed.body is scenario.body
    assert passed.usage == completion.usage


@named(ERRORS)
def test_an_error_is_told_by_whose_fault_it_is(scenario: Scenario) -> None:
    expected = scenario.expected
    error = read_error(expected["status"], expected["headers"], scenario.body)
    assert error.fault == expected["fault"]
    assert error.reply.code == expected["code"]
    assert error.reply.param == expected["param"]
    assert error.retry_after_s == expected["retry_after_s"]
    assert (error.reply.body == scenario.body) is expected["passes"]
    assert (error.reply.message is None) == (expected["fault"] == "credential")
    assert "22222222" not in f"{error.reply}", "an account of the operator's, told by a provider behind a provider"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("content", "tool_calls", "function_call", "reasoning_details", "reasoning", "refusal", "audio", "role")
DELTA = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)
CALL = st.fixed_dictionaries({}, optional={"index": JSON, "id": JSON, "function": JSON, "custom": JSON, "type": JSON})
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "index": JSON,
        "delta": DELTA | st.builds(lambda calls: {"tool_calls": calls}, st.lists(CALL, max_size=3)) | JSON,
        "message": DELTA | JSON,
        "finish_reason": JSON,
        "error": JSON,
    },
)
CHUNK = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE, max_size=2) | JSON, "usage": JSON, "x_groq": JSON, "error": JSON}
)


@given(st.lists(CHUNK, max_size=3))
@settings(max_examples=150)
def test_no_json_breaks_it_but_by_its_own_errors(chunks: list[Any]) -> None:
    try:
        body = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks)
    except (TypeError, orjson.JSONEncodeError):
        return  # an integer too large for orjson
    for listener in (OpenAIStreamDecoder(), OpenAIStreamRelay(hide_usage=True)):
        try:
            feed_and_close(listener, body + b"data: [DONE]\n\n")
        except (BadAnswer, ConnectionLost, Refused):
            continue
    for chunk in chunks:
        try:
            read_completion(orjson.dumps(chunk))
        except (BadAnswer, Refused):
            continue
        read_error(400, {}, orjson.dumps(chunk))
