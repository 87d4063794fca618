"""Anthropic's streams in the common form: any cut of the bytes, the same chunks."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.anthropic import AnthropicStreamDecoder, MessageEvents
from backends.types import Chunk, Usage
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.translated import TranslatedRelay
from tests.backends.anthropic.played import WHOLE_STREAMS, chat, cut, event_ends, expected, said_in_chunks, stream

NATIVE_ENDS = {"end_turn", "tool_use", "pause_turn", "refusal", "stop_sequence"}


def play(pieces: Iterable[bytes]) -> tuple[AnthropicStreamDecoder, list[Chunk]]:
    decoder = AnthropicStreamDecoder(chat(created=1764072000))
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return decoder, [*chunks, *decoder.close()]


def event(payload: dict[str, object]) -> bytes:
    return f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n".encode()


def test_the_fixtures_show_each_way_to_end() -> None:
    assert {expected(name)["native"] for name in WHOLE_STREAMS} == NATIVE_ENDS


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_says_in_the_common_form_what_it_said(name: str) -> None:
    decoder, chunks = play([stream(name)])
    assert said_in_chunks(chunks, decoder.usage) == expected(name)
    assert decoder.done
    assert decoder.finished
    assert {chunk["created"] for chunk in chunks} == {1764072000}
    assert len({(chunk["id"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_byte_by_byte_gives_the_same_chunks(name: str) -> None:
    whole = stream(name)
    decoder, chunks = play([bytes([byte]) for byte in whole])
    once, wanted = play([whole])
    assert chunks == wanted
    assert decoder.usage == once.usage


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(min_value=0), max_size=12), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_cut_and_any_line_ends_give_the_same_chunks(name: str, places: list[int], crlf: bool) -> None:
    whole = stream(name)
    _, wanted = play([whole])
    _, chunks = play(cut(whole.replace(b"\n", b"\r\n") if crlf else whole, places))
    assert chunks == wanted


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_cut_before_its_stop_reason_is_lost_at_every_event(name: str) -> None:
    whole = stream(name)
    ends = [0, *event_ends(whole)]
    for end in ends[:-2]:
        decoder = AnthropicStreamDecoder(chat())
        decoder.feed(whole[:end])
        with pytest.raises(ConnectionLost):
            decoder.close()
        assert decoder.usage is None
    assert play([whole[: ends[-2]]])[0].finished  # only message_stop is missing: why it stopped is known


def test_a_stream_cut_inside_an_event_is_lost() -> None:
    whole = stream("stream_text")
    decoder = AnthropicStreamDecoder(chat())
    decoder.feed(whole[: whole.index(b"message_delta") + 40])
    with pytest.raises(ConnectionLost):
        decoder.close()


def test_what_a_cut_stream_had_read_is_known_all_the_same() -> None:
    whole = stream("stream_thinking_tools")
    decoder = AnthropicStreamDecoder(chat())
    decoder.feed(whole[: event_ends(whole)[3]])
    assert decoder.usage_begun == Usage(30, 900, 64, 7, 0)


def test_an_error_inside_the_stream_ends_it() -> None:
    decoder = AnthropicStreamDecoder(chat())
    chunks = decoder.feed(stream("stream_cut_by_overload"))
    assert chunks[-1]["choices"][0]["delta"] == {"content": "Reef the"}
    with pytest.raises(Refused) as refused:
        decoder.close()
    assert refused.value.fault is Fault.CAPACITY
    assert refused.value.reply.status == 529
    assert not refused.value.may_have_billed


def test_a_tool_without_arguments_gets_an_empty_object() -> None:
    _, chunks = play([stream("stream_thinking_tools")])
    pieces = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    tide = [call["function"]["arguments"] for call in pieces if call["index"] == 1]
    assert tide == ["", "{}"]


def test_a_tool_whose_input_stands_in_its_start_keeps_it() -> None:
    events = MessageEvents(chat())
    events.hear({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {}}})
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    events.hear({"type": "content_block_start", "index": 0, "content_block": block})
    last = events.hear({"type": "content_block_stop", "index": 0})
    assert last is not None
    assert last["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


def test_unknown_events_and_deltas_are_nothing() -> None:
    whole = stream("stream_text")
    at = event_ends(whole)[2]
    strange = event({"type": "vertex_event", "x": 1}) + event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "hologram_delta", "x": 1}}
    )
    assert play([whole[:at] + strange + whole[at:]])[1] == play([whole])[1]


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}},
        {"type": "content_block_start", "index": 0, "content_block": []},
        {"type": "message_start", "message": None},
        {"type": "message_delta", "delta": 7},
    ],
)
def test_a_known_event_in_an_unknown_shape_is_a_bad_answer(broken: dict[str, object]) -> None:
    with pytest.raises(BadAnswer):
        AnthropicStreamDecoder(chat()).feed(event(broken))


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_it_fail_in_another_way(noise: bytes) -> None:
    decoder = AnthropicStreamDecoder(chat())
    try:
        decoder.feed(stream("stream_text")[:300] + noise)
        decoder.close()
    except (BadAnswer, ConnectionLost):
        return
    assert decoder.finished


def test_an_openai_caller_gets_a_stream_that_commits_at_text_and_not_at_thinking() -> None:
    whole = stream("stream_thinking_tools")
    ends = event_ends(whole)
    dialect, asked = OpenAIChat(), chat()
    relay = TranslatedRelay(AnthropicStreamDecoder(asked), dialect.stream_encoder(asked))
    relay.feed(whole[: ends[6]])
    assert relay.flowing
    assert not relay.committed
    relay.feed(whole[ends[6] :])
    assert relay.committed
    assert relay.close().endswith(b"data: [DONE]\n\n")
