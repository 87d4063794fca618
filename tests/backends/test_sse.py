"""Server-sent events from bytes in any cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import BadAnswer
from backends.sse import ServerSentEvent, SseDecoder, read_objects

STREAM = (
    b"\xef\xbb\xbf: hello\n\n"
    b"data: one\r\n\r\n"
    b"event: named\rdata: two\rdata: lines\r\r"
    b"event: without data\n\n"
    b"id: 7\ndata:three \ndata\n\n\n\n"
    b"retry: 10\n\ndata: {}\n\n"
)
EVENTS = [
    ServerSentEvent(b"", b"one"),
    ServerSentEvent(b"named", b"two\nlines"),
    ServerSentEvent(b"", b"three \n"),
    ServerSentEvent(b"", b"{}"),
]


def decoded(pieces: list[bytes]) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + decoder.close()


def test_every_way_to_end_a_line_and_to_say_nothing_is_understood() -> None:
    assert decoded([STREAM]) == EVENTS


def test_byte_by_byte_gives_the_same_events() -> None:
    assert decoded([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(STREAM)]
    assert decoded([STREAM[a:b] for a, b in itertools.pairwise(borders)]) == EVENTS


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_at_all_can_break_it_and_a_cut_changes_nothing(noise: bytes, cut: int) -> None:
    assert decoded([noise]) == decoded([noise[:cut], noise[cut:]])


def test_a_last_event_without_its_blank_line_is_given_at_the_end() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n\ndata: b") == [ServerSentEvent(b"", b"a")]
    assert decoder.close() == [ServerSentEvent(b"", b"b")]
    assert decoder.close() == []


def test_an_event_that_does_not_end_is_given_up_at_its_bound() -> None:
    decoder = SseDecoder(longest=100)
    decoder.feed(b"data: " + b"x" * 90)
    with pytest.raises(BadAnswer, match="more than 100 bytes"):
        decoder.feed(b"x" * 10)


def test_two_objects_in_one_line_are_two() -> None:
    assert read_objects(b'{"a":1}{"b":2} {"c":3}') == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_an_array_of_objects_is_its_objects() -> None:
    assert read_objects(b'[{"a":1},{"b":2}]') == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("data", [b"", b"nothing", b"3", b'"text"', b'{"a":1} x', b"[1]", b"[" * 100_000])
def test_what_is_no_object_is_a_bad_answer(data: bytes) -> None:
    if not data:
        assert read_objects(data) == []
        return
    with pytest.raises(BadAnswer):
        read_objects(data)
