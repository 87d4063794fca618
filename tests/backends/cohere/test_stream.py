"""Streams of Cohere's chat: any cut, every truncation, failures inside a 200."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.cohere.stream import CohereStreamDecoder
from backends.types import Chunk, Usage
from tests.backends.cohere.played import asked, cut, fixture, named, stream

STREAMS = named("stream")
START = b'data: {"id":"b","type":"message-start","delta":{"message":{"role":"assistant"}}}\n\n'


def play(pieces: list[bytes]) -> tuple[CohereStreamDecoder, list[Chunk]]:
    decoder = CohereStreamDecoder(asked(stream=True))
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return decoder, [*chunks, *decoder.close()]


def deltas(chunks: list[Chunk]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def calls(chunks: list[Chunk]) -> list[list[str]]:
    found: list[list[str]] = []
    for delta in deltas(chunks):
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                assert call["index"] == len(found)
                found.append([call["id"], call["function"]["name"], ""])
            found[call["index"]][2] += call["function"]["arguments"]
    return found


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_all_that_cohere_said(name: str) -> None:
    said = fixture(name)
    decoder, chunks = play([stream(name)])
    assert "".join(delta.get("content", "") for delta in deltas(chunks)) == said["text"]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas(chunks)) == said["reasoning"]
    assert sum(len(delta.get("annotations", ())) for delta in deltas(chunks)) == said["annotations"]
    assert calls(chunks) == said["calls"]
    assert chunks[-1]["choices"][0]["finish_reason"] == said["finish_reason"]
    assert decoder.usage == Usage(*said["usage"])
    assert decoder.finished
    assert decoder.done
    assert {chunk["id"] for chunk in chunks} == {"bbbb-1"}


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_gives_the_same_chunks(name: str) -> None:
    assert play([bytes([byte]) for byte in stream(name)])[1] == play([stream(name)])[1]


@given(st.sampled_from(STREAMS), st.lists(st.integers(min_value=0), max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_cut_of_the_bytes_gives_the_same_chunks(name: str, places: list[int]) -> None:
    assert play(cut(stream(name), places))[1] == play([stream(name)])[1]


@pytest.mark.parametrize("name", STREAMS)
def test_truncated_at_any_event_it_was_cut_unless_it_had_ended(name: str) -> None:
    events = stream(name).split(b"\n\n")[:-1]
    for end in range(len(events)):
        data = b"\n\n".join(events[:end]) + b"\n\n" * bool(end)
        decoder = CohereStreamDecoder(asked(stream=True))
        decoder.feed(data)
        assert decoder.finished is (end == len(events) - 1)  # all but [DONE] is here
        if decoder.finished:
            decoder.close()
            continue
        with pytest.raises(ConnectionLost):
            decoder.close()


def test_thoughts_and_plans_bear_their_own_formats() -> None:
    thoughts = deltas(play([stream("stream_thoughts_and_citation")])[1])
    plans = deltas(play([stream("stream_tools")])[1])
    for found, owner in ((thoughts, "cohere-thinking-v1"), (plans, "cohere-tool-plan-v1")):
        details = [detail for delta in found for detail in delta.get("reasoning_details", ())]
        assert {(detail["format"], detail["index"]) for detail in details} == {(owner, 0)}


def test_failure_in_a_200_is_an_error_and_its_usage_is_kept() -> None:
    end = {
        "type": "message-end",
        "delta": {"finish_reason": "ERROR", "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 1}}},
    }
    decoder = CohereStreamDecoder(asked(stream=True))
    decoder.feed(START + b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
    assert isinstance(decoder.error, Refused)
    assert decoder.error.fault is Fault.CAPACITY
    assert decoder.usage == Usage(3, output=1)
    assert not decoder.finished
    with pytest.raises(Refused):
        decoder.close()


def test_an_error_answer_inside_the_stream_is_an_error() -> None:
    decoder = CohereStreamDecoder(asked(stream=True))
    decoder.feed(START + b'data: {"id":"x","message":"internal server error"}\n\n')
    assert isinstance(decoder.error, Refused)
    assert decoder.error.reply.message == "internal server error"


def test_events_still_to_come_are_nothing() -> None:
    data = stream("stream_text")
    news = b'event: news\ndata: {"type":"news","delta":{"message":1}}\n\n: comment\n\ndata: {"x":1}\n\n'
    at = data.index(b"\n\n") + 2
    assert play([data[:at] + news + data[at:]])[1] == play([data])[1]


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"content-delta"}',
        b'{"type":"content-delta","delta":{"message":{"content":1}}}',
        b'{"type":"tool-call-delta","index":9,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}}',
        b'{"type":"message-end"}',
        b"[1]",
        b"<html>",
    ],
)
def test_an_event_without_what_belongs_to_it_is_a_bad_answer(event: bytes) -> None:
    with pytest.raises(BadAnswer):
        CohereStreamDecoder(asked(stream=True)).feed(START + b"data: " + event + b"\n\n")


def test_probabilities_go_with_their_text() -> None:
    event = (
        b'{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Fog"}}},'
        b'"logprobs":{"text":"Fog","token_ids":[1],"logprobs":[-0.5]}}'
    )
    chunks = CohereStreamDecoder(asked(stream=True)).feed(START + b"data: " + event + b"\n\n")
    assert chunks[-1]["choices"][0]["logprobs"]["content"][0]["logprob"] == -0.5


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=4))
@settings(max_examples=200)
def test_no_bytes_break_it_but_by_its_own_errors(data: bytes, places: list[int]) -> None:
    decoder = CohereStreamDecoder(asked(stream=True))
    try:
        for piece in cut(START + data, places):
            decoder.feed(piece)
        decoder.close()
    except (BadAnswer, ConnectionLost, Refused):
        return
    assert decoder.finished
