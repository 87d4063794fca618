"""A head that was met before is known again, with any length; what differs in anything else is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.transport.known_head import KnownHead, is_worth_remembering

MESSAGE = b"HTTP/1.1 200 OK\r\nserver: x\r\nContent-Length: 5\r\ndate: today\r\n\r\nhello"


def known(message: bytes = MESSAGE) -> KnownHead:
    head = KnownHead.of(message)
    assert head is not None
    return head


def sized(body: bytes, length: bytes | None = None) -> bytes:
    return MESSAGE.replace(b"5", b"%d" % len(body) if length is None else length)[:-5] + body


@pytest.mark.parametrize("body", [b"", b"hello", b"other", b"x" * 100_000, b"\r\n\r\n", MESSAGE])
def test_the_same_head_is_known_whatever_its_body(body: bytes) -> None:
    assert known().size_of(sized(body)) == len(body)


@pytest.mark.parametrize(
    "length", [b"", b"-5", b"+5", b"5 ", b" 5", b"5,5", b"5_0", b"0x5", b"\xb2", b"5\n", b"4", b"6", b"5" * 20]
)
def test_a_length_that_the_body_does_not_have_is_left_to_the_parser(length: bytes) -> None:
    assert known().size_of(sized(b"hello", length)) == -1


@given(st.integers(0, len(MESSAGE) - 6), st.binary(max_size=3))
def test_a_head_that_differs_in_any_byte_is_not_known(at: int, instead: bytes) -> None:
    other = MESSAGE[:at] + instead + MESSAGE[at + 1 :]
    same = other == MESSAGE or (MESSAGE[at : at + 1] == b"5" and instead.isdigit() and int(instead) == 5)
    assert known().size_of(other) == (5 if same else -1)


@pytest.mark.parametrize("cut", range(len(MESSAGE)))
def test_a_message_that_is_not_whole_is_not_known(cut: int) -> None:
    assert known().size_of(MESSAGE[:cut]) == -1


def test_a_message_with_more_behind_it_is_not_known() -> None:
    assert known().size_of(MESSAGE + b"H") == -1
    assert known().size_of(MESSAGE * 2) == -1


@pytest.mark.parametrize(
    "message",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + MESSAGE,
        b"HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n" + MESSAGE,
        MESSAGE.replace(b"date", b"d" * 5000),
        MESSAGE[:-7],
    ],
)
def test_what_is_not_one_whole_sized_message_is_not_remembered(message: bytes) -> None:
    assert KnownHead.of(message) is None


def test_nothing_of_a_head_is_shown() -> None:
    assert "server" not in repr(known())


def test_a_speaker_who_never_repeats_a_head_costs_little() -> None:
    worth = [n for n in range(48) if is_worth_remembering(n)]
    assert worth == [0, 1, 2, 3, 4, 5, 6, 7, 16, 32]
