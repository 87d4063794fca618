"""Anthropic's streams on their way through: the bytes stay, and what they say is heard."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Refused
from backends.providers.anthropic import AnthropicStreamDecoder, AnthropicStreamRelay
from backends.sse import LONGEST_EVENT
from backends.types import Usage
from tests.backends.anthropic.played import WHOLE_STREAMS, chat, cut, event_ends, expected, said_in_chunks, stream


def play(pieces: Iterable[bytes], *, resumed: bool = False) -> tuple[AnthropicStreamRelay, bytes]:
    relay = AnthropicStreamRelay(resumed=resumed)
    out = b"".join([relay.feed(piece) for piece in pieces])
    return relay, out + relay.close()


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_bytes_pass_through_unchanged_and_usage_is_read(name: str) -> None:
    relay, out = play([stream(name)])
    assert out == stream(name)
    assert relay.usage == Usage(*expected(name)["usage"])
    assert relay.finished
    assert relay.done


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(min_value=0), max_size=12), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_cut_of_the_bytes_gives_the_same_whole(name: str, places: list[int], crlf: bool) -> None:
    whole = stream(name).replace(b"\n", b"\r\n") if crlf else stream(name)
    relay, out = play(cut(whole, places))
    assert out == whole
    assert relay.usage == Usage(*expected(name)["usage"])


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_byte_by_byte_gives_the_same_whole(name: str) -> None:
    relay, out = play([bytes([byte]) for byte in stream(name)])
    assert out == stream(name)
    assert relay.content_events == play([stream(name)])[0].content_events


def test_thinking_flows_and_text_commits() -> None:
    whole = stream("stream_thinking_tools")
    ends = event_ends(whole)
    relay = AnthropicStreamRelay()
    assert relay.feed(whole[: ends[0]]) == b""
    assert relay.feed(whole[ends[0] : ends[1]]) == whole[: ends[1]]
    assert relay.feed(whole[ends[1] : ends[8]]) == whole[ends[1] : ends[8]]
    assert relay.flowing
    assert not relay.committed
    relay.feed(whole[ends[8] : ends[9]])
    assert relay.committed


def test_a_tool_commits() -> None:
    whole = stream("stream_thinking_tools")
    at = whole.index(b"event: content_block_start", whole.index(b"I look both up"))
    relay = AnthropicStreamRelay()
    relay.feed(whole[: event_ends(whole)[0]] + whole[at : whole.index(b"\n\n", at) + 2])
    assert relay.committed


def test_the_terminator_is_held_back_until_the_end() -> None:
    relay = AnthropicStreamRelay()
    passed = relay.feed(stream("stream_text"))
    assert b"event: message_delta" in passed
    assert b"event: message_stop" not in passed
    assert relay.close().startswith(b"event: message_stop")


def test_a_missing_terminator_is_made_good() -> None:
    whole = stream("stream_text")
    _, out = play([whole[: event_ends(whole)[-2]]])
    assert out.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_cut_before_its_stop_reason_is_lost_at_every_event(name: str) -> None:
    whole = stream(name)
    for end in [0, *event_ends(whole)[:-2]]:
        relay = AnthropicStreamRelay()
        relay.feed(whole[:end])
        with pytest.raises(ConnectionLost):
            relay.close()
        assert relay.usage is None


def test_a_stream_cut_inside_an_event_is_lost() -> None:
    whole = stream("stream_text")
    relay = AnthropicStreamRelay()
    relay.feed(whole[: whole.index(b"event: message_delta") + 50])
    with pytest.raises(ConnectionLost):
        relay.close()


def test_an_error_inside_the_stream_ends_it_and_is_not_passed_on() -> None:
    whole = stream("stream_cut_by_overload")
    for pieces in ([whole], [bytes([byte]) for byte in whole]):
        relay = AnthropicStreamRelay()
        passed = b"".join([relay.feed(piece) for piece in pieces])
        assert b"Reef the" in passed
        assert b"overloaded" not in passed
        assert b"never seen" not in passed
        assert isinstance(relay.error, Refused)
        with pytest.raises(Refused):
            relay.close()


def test_content_events_are_counted_once_each() -> None:
    relay, _ = play([stream("stream_text")])
    assert relay.content_events == 4


def test_an_event_past_all_bounds_is_a_bad_answer() -> None:
    relay = AnthropicStreamRelay()
    with pytest.raises(BadAnswer):
        relay.feed(b"event: content_block_delta\ndata: " + b"x" * LONGEST_EVENT)


@pytest.mark.parametrize("name", ["stream_text", "stream_thinking_tools", "stream_web_search_paused"])
def test_a_resumed_stream_follows_on_the_reasoning_that_the_caller_has(name: str) -> None:
    first = stream("stream_thinking_tools")
    begun = first[: event_ends(first)[3]]  # message_start and the beginning of a thinking block
    shown = AnthropicStreamRelay().feed(begun)
    whole = stream(name)
    for pieces in ([whole], [bytes([byte]) for byte in whole]):
        relay, out = play(pieces, resumed=True)
        blocks = opened_and_closed(shown + out)
        assert blocks == sorted(blocks)
        assert (shown + out).count(b"event: message_start") == 1
        decoder = AnthropicStreamDecoder(chat())
        said = said_in_chunks([*decoder.feed(shown + out), *decoder.close()], relay.usage)
        wanted = expected(name)
        assert said["content"] == wanted["content"]
        assert said["tool_calls"] == wanted["tool_calls"]
        assert said["reasoning"] == "Two ferries, so two calls."


def test_a_resumed_stream_of_nothing_but_reasoning_only_ends() -> None:
    whole = stream("stream_thinking_tools")
    ends = event_ends(whole)
    _, out = play([whole[: ends[7]] + whole[ends[-3] :]], resumed=True)
    assert [line for line in out.split(b"\n") if line.startswith(b"event:")] == [
        b"event: content_block_stop",
        b"event: message_delta",
        b"event: message_stop",
    ]


def opened_and_closed(data: bytes) -> list[tuple[int, int]]:
    """(index, 0) for each block opened, (index, 2) for each closed, (index, 1) between: sorted, if it is in order."""
    order = {"content_block_start": 0, "content_block_delta": 1, "content_block_stop": 2}
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]
    return [(said["index"], order[said["type"]]) for said in events if said["type"] in order]
