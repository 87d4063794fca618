"""The relay of OpenAI's streams: any cut of the bytes, the same whole."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.openai.stream import LONGEST_EVENT, OpenAIStreamRelay
from backends.types import Usage


def event(payload: str, end: str = "\n\n") -> bytes:
    return f"data: {payload}{end}".encode()


ROLE = event('{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}')
HELLO = event('{"id":"c1","choices":[{"index":0,"delta":{"content":"Hel\\"error\\"lo"},"finish_reason":null}]}')
WORLD = event('{"id":"c1","choices":[{"index":0,"delta":{"content":" wörld [DON"},"finish_reason":null}]}')
STOP = event('{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}')
USAGE = event(
    '{"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,'
    '"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}'
)
DONE = event("[DONE]")
WHOLE = ROLE + HELLO + WORLD + STOP + USAGE + DONE


def play(pieces: list[bytes], *, hide_usage: bool = False) -> tuple[OpenAIStreamRelay, bytes]:
    relay = OpenAIStreamRelay(hide_usage=hide_usage)
    out = b"".join(relay.feed(piece) for piece in pieces)
    return relay, out + relay.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def test_bytes_pass_through_unchanged_and_usage_is_read_in_disjoint_classes() -> None:
    relay, out = play([WHOLE])
    assert out == WHOLE
    assert relay.usage == Usage(input=6, cache_read_input=4, output=5, reasoning=2)


@given(st.lists(st.integers(min_value=0), max_size=12))
@settings(max_examples=200)
def test_any_cut_of_the_bytes_gives_the_same_whole(places: list[int]) -> None:
    relay, out = play(cut(WHOLE, places))
    assert out == WHOLE
    assert relay.usage is not None
    assert relay.finished


def test_byte_by_byte_gives_the_same_whole() -> None:
    _, out = play([bytes([byte]) for byte in WHOLE])
    assert out == WHOLE


@given(st.lists(st.integers(min_value=0), max_size=8))
def test_crlf_streams_pass_in_any_cut(places: list[int]) -> None:
    crlf = WHOLE.replace(b"\n", b"\r\n")
    _, out = play(cut(crlf, places))
    assert out == crlf


def test_the_usage_event_is_hidden_from_a_caller_who_did_not_ask() -> None:
    relay, out = play([WHOLE], hide_usage=True)
    assert out == ROLE + HELLO + WORLD + STOP + DONE
    assert relay.usage is not None


def test_usage_beside_choices_is_not_taken_out() -> None:
    last = event('{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
    _, out = play([HELLO, last, DONE], hide_usage=True)
    assert out == HELLO + last + DONE


def test_nothing_passes_before_the_first_content() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    assert relay.feed(b": keep-alive\n\n" + ROLE) == b""
    assert not relay.flowing
    assert relay.feed(HELLO) == b": keep-alive\n\n" + ROLE + HELLO
    assert relay.committed


def test_reasoning_passes_at_once_and_does_not_commit() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    thought = event('{"choices":[{"index":0,"delta":{"reasoning":"Hm"},"finish_reason":null}]}')
    assert relay.feed(ROLE + thought) == ROLE + thought
    assert relay.flowing
    assert not relay.committed


def test_a_resumed_stream_swallows_all_up_to_its_content() -> None:
    relay = OpenAIStreamRelay(hide_usage=False, resumed=True)
    thought = event('{"choices":[{"index":0,"delta":{"reasoning":"Hm"},"finish_reason":null}]}')
    assert relay.feed(ROLE + thought) == b""
    assert relay.feed(HELLO) == HELLO


def test_an_error_before_content_lets_nothing_out() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    assert relay.feed(ROLE + event('{"error":{"message":"engine died","code":500}}')) == b""
    assert isinstance(relay.error, Refused)
    assert relay.error.fault is Fault.CAPACITY


def test_an_error_after_content_ends_what_passes_and_swallows_the_false_terminator() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    out = relay.feed(ROLE + HELLO + event('{"error":{"message":"engine died","code":500}}') + DONE)
    assert out == ROLE + HELLO
    with pytest.raises(Refused):
        relay.close()


def test_a_stream_without_finish_reason_was_cut() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    relay.feed(ROLE + HELLO + WORLD)
    with pytest.raises(ConnectionLost):
        relay.close()
    assert relay.content_events == 2


def test_a_missing_terminator_is_made_good_when_the_answer_was_whole() -> None:
    _, out = play([ROLE + HELLO + STOP])
    assert out == ROLE + HELLO + STOP + DONE


def test_a_last_event_without_its_blank_line_still_passes() -> None:
    _, out = play([ROLE + HELLO + STOP[:-1]])
    assert out == ROLE + HELLO + STOP + DONE


def test_a_stream_cut_inside_an_event_was_cut() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    relay.feed(ROLE + HELLO + STOP[:-20])
    with pytest.raises(ConnectionLost):
        relay.close()


def test_an_unfinished_event_has_a_bound() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    for _ in range(LONGEST_EVENT // 65536):
        relay.feed(b"x" * 65536)
    with pytest.raises(BadAnswer):
        relay.feed(b"x" * 65536)


def test_html_in_place_of_events_is_a_bad_answer() -> None:
    relay = OpenAIStreamRelay(hide_usage=False)
    with pytest.raises(BadAnswer):
        relay.feed(b"data: <html>\n\n")


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=4))
@settings(max_examples=300)
def test_no_bytes_break_it_but_by_its_own_errors(data: bytes, places: list[int]) -> None:
    relay = OpenAIStreamRelay(hide_usage=True)
    try:
        for piece in cut(data, places):
            relay.feed(piece)
        relay.close()
    except (BadAnswer, ConnectionLost, Refused):
        return
    assert relay.finished
