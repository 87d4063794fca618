"""AWS' event-stream framing: both checksums, every bound, any cut."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost
from backends.providers.bedrock.eventstream import LONGEST_HEADERS, LONGEST_MESSAGE, EventStreamDecoder
from tests.backends.bedrock.played import cut, event, framed, header

ONE = event("contentBlockDelta", {"delta": {"text": "Fog überall"}})
TWO = event("messageStop", {"stopReason": "end_turn"})


def messages(pieces: list[bytes]) -> list[tuple[dict[str, str], bytes]]:
    decoder = EventStreamDecoder()
    found = [message for piece in pieces for message in decoder.feed(piece)]
    decoder.close()
    return [(dict(message.headers), message.payload) for message in found]


def test_messages_come_with_their_headers_and_payload() -> None:
    first, second = messages([ONE + TWO])
    assert first[0] == {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert "Fog überall" in first[1].decode()
    assert second == ({**first[0], ":event-type": "messageStop"}, b'{"stopReason": "end_turn"}')


@given(st.lists(st.integers(min_value=0), max_size=12))
@settings(max_examples=200)
def test_any_cut_gives_the_same_messages(places: list[int]) -> None:
    assert messages(cut(ONE + TWO + ONE, places)) == messages([ONE + TWO + ONE])


def test_byte_by_byte_gives_the_same_messages() -> None:
    assert messages([bytes([byte]) for byte in ONE + TWO]) == messages([ONE + TWO])


@pytest.mark.parametrize("place", range(len(TWO)))
def test_no_flipped_byte_passes_unnoticed(place: int) -> None:
    broken = bytearray(TWO)
    broken[place] ^= 0x10
    decoder = EventStreamDecoder()
    with pytest.raises(BadAnswer):
        assert decoder.feed(bytes(broken) + ONE) == []


def test_a_stream_that_ends_inside_a_message_was_cut() -> None:
    for end in range(1, len(ONE)):
        decoder = EventStreamDecoder()
        assert decoder.feed(ONE[:end]) == []
        with pytest.raises(ConnectionLost):
            decoder.close()


def prelude(total: int, headers: int) -> bytes:
    numbers = struct.pack(">II", total, headers)
    return numbers + struct.pack(">I", zlib.crc32(numbers))


@pytest.mark.parametrize(
    ("total", "headers"),
    [(LONGEST_MESSAGE + 1, 0), (1 << 31, 10), (15, 0), (0, 0), (20, 5), (LONGEST_MESSAGE, LONGEST_HEADERS + 1)],
)
def test_a_length_past_all_bounds_is_refused_before_anything_is_held(total: int, headers: int) -> None:
    with pytest.raises(BadAnswer):
        EventStreamDecoder().feed(prelude(total, headers))


def test_what_is_no_event_stream_is_refused_at_once() -> None:
    with pytest.raises(BadAnswer):
        EventStreamDecoder().feed(b'data: {"choices": []}\n\n')


def test_headers_of_other_types_are_passed_over() -> None:
    others = b"".join(
        bytes([1]) + b"h" + bytes([kind]) + value
        for kind, value in (
            (0, b""),
            (1, b""),
            (2, b"1"),
            (3, b"12"),
            (4, b"1234"),
            (5, b"12345678"),
            (6, b"\x00\x03abc"),
            (8, b"12345678"),
            (9, b"1234567890123456"),
        )
    )
    found = EventStreamDecoder().feed(framed(others + header("last", "seen"), b"x"))
    assert dict(found[0].headers) == {"last": "seen"}


@pytest.mark.parametrize("headers", [b"\x05abc", b"\x01a", b"\x01a\x07", b"\x01a\x07\x00\x09x", b"\x01a\x0a", b"\x00"])
def test_a_broken_header_is_a_bad_answer(headers: bytes) -> None:
    with pytest.raises(BadAnswer):
        EventStreamDecoder().feed(framed(headers, b""))


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=4))
@settings(max_examples=200)
def test_no_bytes_break_it_but_by_its_own_errors(data: bytes, places: list[int]) -> None:
    decoder = EventStreamDecoder()
    try:
        for piece in cut(ONE + data, places):
            decoder.feed(piece)
        decoder.close()
    except (BadAnswer, ConnectionLost):
        return
    assert not data


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=200)
def test_no_headers_break_it_where_the_checksums_hold(headers: bytes, payload: bytes) -> None:
    try:
        found = EventStreamDecoder().feed(framed(headers, payload))
    except BadAnswer:
        return
    assert [message.payload for message in found] == [payload]
