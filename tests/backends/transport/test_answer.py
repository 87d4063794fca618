"""One answer, read off bytes in any cut: the same sink calls, and never whole before it is."""

import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.transport.answer import LONGEST_HEAD, MOST_FIELDS, AnswerReader
from tests.backends.transport.wire import Recorder

SIZED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\ncontent-type: text/event-stream\r\n\r\n"
    b"6;ext=1;other\r\nhello \r\n5\r\nworld\r\n0\r\nx-trailer: late\r\ncontent-type: x\r\n\r\n"
)
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-type: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world"
)
EMPTY_VALUES = b"HTTP/1.1 200\r\nempty:\r\nblank:   \r\nset-cookie: a\r\nSet-Cookie: b\r\ncontent-length: 0\r\n\r\n"
PACKED = gzip.compress(b"hello world", mtime=0)
ZIPPED = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(PACKED), PACKED)
WHOLE = {"sized": SIZED, "chunked": CHUNKED, "interim": INTERIM, "empty values": EMPTY_VALUES, "gzip": ZIPPED}
TO_THE_END = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello world"


def play(*pieces: bytes) -> tuple[Recorder, AnswerReader, bool]:
    sink, reader = Recorder(), AnswerReader()
    reader.begin(sink)
    whole = False
    for piece in pieces:
        assert not whole, "whole before its last byte"
        whole = reader.feed(piece)
    return sink, reader, whole


def cuts(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return (data[a:b] for a, b in pairwise(edges) if a < b)


def refusal(*pieces: bytes) -> str:
    with pytest.raises(BadAnswer) as caught:
        play(*pieces)
    return str(caught.value)


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_an_answer_cut_in_two_at_any_byte_is_the_same_answer(answer: bytes) -> None:
    expected = play(answer)[0]
    for place in range(1, len(answer)):
        sink, reader, whole = play(answer[:place], answer[place:])
        assert whole
        assert reader.keep_open
        assert (sink.status, dict(sink.headers), sink.body) == (200, dict(expected.headers), expected.body)


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_not_whole_before_its_last_byte_and_its_end_is_a_loss(answer: bytes) -> None:
    for place in range(len(answer)):
        _, reader, whole = play(answer[:place])
        assert not whole
        with pytest.raises(ConnectionLost, match=r"hung up (before|in the head of|before the end of) its answer"):
            reader.end(clean=True)
        assert not reader.keep_open


@given(st.sampled_from(list(WHOLE.values())), st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=100, deadline=None)
def test_an_answer_in_any_pieces_is_the_same_answer(answer: bytes, places: list[int]) -> None:
    sink, _, whole = play(*cuts(answer, places))
    assert whole
    assert sink.body == play(answer)[0].body


def test_one_read_is_one_call_however_many_chunks_are_in_it() -> None:
    assert play(CHUNKED)[0].pieces == [b"hello world"]


def test_headers_are_found_without_regard_to_case_and_a_trailer_is_none() -> None:
    sink, *_ = play(CHUNKED)
    assert sink.headers["Content-Type"] == sink.headers["content-type"] == "text/event-stream"
    assert "x-trailer" not in sink.headers
    assert sink.headers.get("ключ") is None
    assert dict(play(EMPTY_VALUES)[0].headers) == {
        "empty": "",
        "blank": "",
        "set-cookie": "a, b",
        "content-length": "0",
    }


def test_interim_answers_leave_nothing_behind() -> None:
    assert dict(play(INTERIM)[0].headers) == {"content-length": "11"}


def test_an_answer_without_length_is_whole_only_by_a_clean_end() -> None:
    for place in range(TO_THE_END.index(b"\r\n\r\n") + 4, len(TO_THE_END) + 1):
        sink, reader, whole = play(TO_THE_END[:place])
        assert not whole
        reader.end(clean=True)
        assert sink.body == b"hello world"[: place - TO_THE_END.index(b"hello")]
        assert not reader.keep_open
    _, reader, _ = play(TO_THE_END)
    with pytest.raises(ConnectionLost):
        reader.end(clean=False)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body_are_whole_with_their_head(status: int) -> None:
    sink, reader, whole = play(b"HTTP/1.1 %d X\r\ncontent-type: text/plain\r\n\r\n" % status)
    assert whole
    assert reader.keep_open
    assert sink.pieces == []


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: foo, Close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_is_not_to_be_kept_is_not(head: bytes) -> None:
    sink, reader, whole = play(head)
    assert whole
    assert sink.body == b"ok"
    assert not reader.keep_open


@pytest.mark.parametrize(
    "behind", [b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"\0", b"garbage\r\n\r\n"]
)
def test_bytes_behind_the_answer_are_dropped_with_the_connection(behind: bytes) -> None:
    sink, reader, whole = play(SIZED + behind)
    assert whole
    assert (sink.heads, sink.body) == (1, b"hello world")
    assert not reader.keep_open


def test_a_reader_takes_up_one_answer_after_the_other() -> None:
    _, reader, _ = play(ZIPPED)
    for answer in (CHUNKED, SIZED, INTERIM):
        sink = Recorder()
        reader.begin(sink)
        assert reader.feed(answer)
        assert sink.body == b"hello world"
        assert "content-encoding" not in sink.headers


REFUSED = {
    b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n": "status is 101",
    b"HTTP/1.1 101 Switching\r\n\r\n": "status is 101",
    b"HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n": "status is 0",
    b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n": "HTTP/2.0",
    b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n": "HTTP/0.9",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n": "transfer-encoding",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n": "transfer-encoding",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n": "transfer-encoding",
    b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n": "transfer-encoding",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 0\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\nx: a\n\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\nx : a\r\n\r\n": "not HTTP/1.1",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx": "content-encoding is 'br'",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\nx": "content-encoding",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope": "compressed stream is broken",
    b"<html>502</html>": "not HTTP/1.1",
    b"\x15\x03\x01\x00\x02\x02\x50": "not HTTP/1.1",
}


@pytest.mark.parametrize(("answer", "reason"), REFUSED.items())
def test_answers_that_are_refused_are_refused_in_any_cut(answer: bytes, reason: str) -> None:
    assert reason in refusal(answer)
    assert reason in refusal(*(answer[n : n + 1] for n in range(len(answer))))


def test_what_came_before_a_broken_chunk_is_handed_on_before_the_answer_is_refused() -> None:
    sink, reader = Recorder(), AnswerReader()
    reader.begin(sink)
    with pytest.raises(BadAnswer, match=r"not HTTP/1\.1"):
        reader.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n")
    assert sink.body == b"ok"


@pytest.mark.parametrize("piece", [97, 4096, 1 << 20])
def test_a_head_is_bounded_in_bytes_and_in_fields(piece: int) -> None:
    def head(fields: int, size: int) -> list[bytes]:
        whole = b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"v" * size) for n in range(fields))
        whole += b"content-length: 0\r\n\r\n"
        return [whole[n : n + piece] for n in range(0, len(whole), piece)]

    assert play(*head(MOST_FIELDS - 1, 1))[2]
    assert play(*head(1, LONGEST_HEAD - 200))[2]
    assert "head of more than" in refusal(*head(MOST_FIELDS, 1))
    assert "bytes" in refusal(*head(1, LONGEST_HEAD))
    assert "bytes" in refusal(*head(70, 1000))


def test_interim_answers_are_bounded_together() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: " + b"x" * 1000 + b"\r\n\r\n"
    assert "more than" in refusal(*[interim] * 70)


@pytest.mark.parametrize("endless", [b"2;" + b"e" * 200_000, b"0\r\nt: " + b"t" * 200_000])
def test_chunk_extensions_and_trailers_are_bounded(endless: bytes) -> None:
    pieces = [endless[n : n + 1000] for n in range(0, len(endless), 1000)]
    assert "trailer or chunk" in refusal(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", *pieces)


def test_an_error_that_is_packed_in_an_unknown_way_keeps_its_status() -> None:
    sink, _, whole = play(
        b"HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n\x8b\x02"
    )
    assert whole
    assert (sink.status, sink.headers["retry-after"], sink.body) == (429, "3", b"")


def test_a_packed_stream_that_ends_early_is_refused_whatever_the_framing_says() -> None:
    for packed in (PACKED[:-1], PACKED[:8], zlib.compress(b"hello")[:-2]):
        coding = b"gzip" if packed[:2] == b"\x1f\x8b" else b"deflate"
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\n" % coding
        assert "is cut" in refusal(head + b"content-length: %d\r\n\r\n%b" % (len(packed), packed))
        _, reader, _ = play(head + b"\r\n" + packed)
        with pytest.raises(BadAnswer, match="is cut"):
            reader.end(clean=True)


@pytest.mark.parametrize("where", ["head", "data", "interim"])
def test_what_the_sink_raises_comes_out_unchanged(where: str) -> None:
    class Stop(BaseException):
        pass

    stop = Stop()

    class Refusing(Recorder):
        def on_head(self, *_: object) -> None:
            if where == "head":
                raise stop

        def on_data(self, data: bytes) -> None:
            raise stop

    reader = AnswerReader()
    reader.begin(Refusing())
    with pytest.raises(Stop) as caught:
        reader.feed(INTERIM if where == "interim" else CHUNKED)
    assert caught.value is stop


def test_a_keep_alive_field_says_how_long_the_server_waits() -> None:
    def promised(field: bytes) -> float | None:
        return play(b"HTTP/1.1 200 OK\r\nkeep-alive: %b\r\ncontent-length: 0\r\n\r\n" % field)[1].idle_s

    assert promised(b"timeout=5, max=100") == 5.0
    assert promised(b"max=3, Timeout = 7") == 7.0
    assert promised(b"timeout=soon") is None


def test_a_closed_reader_takes_nothing() -> None:
    reader = AnswerReader()
    reader.close()
    with pytest.raises(BackendError):
        reader.feed(SIZED)


LIKE = b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: %d\r\n\r\n%b"


def test_an_answer_with_the_last_ones_head_needs_no_parser_and_says_the_same() -> None:
    reader = AnswerReader()
    for body in (b"one", b"three", b"", b"four" * 9999):
        sink = Recorder()
        reader.begin(sink)
        assert reader.feed(LIKE % (len(body), body))
        reader.release()
        assert (sink.status, sink.body) == (200, body)
        assert dict(sink.headers) == {"x-a": "1", "content-length": str(len(body))}
        assert reader.keep_open


def test_known_heads_and_parsed_ones_take_turns() -> None:
    reader = AnswerReader()
    first = Recorder()
    reader.begin(first)
    reader.feed(LIKE % (3, b"one"))
    for pieces, status, body in (
        ((CHUNKED,), 200, play(CHUNKED)[0].body),
        ((LIKE % (3, b"two"),), 200, b"two"),
        ((LIKE[:20], LIKE[20:] % (3, b"cut")), 200, b"cut"),
        ((LIKE.replace(b"200 OK", b"503 No") % (2, b"no"),), 503, b"no"),
        ((LIKE % (4, b"last"),), 200, b"last"),
    ):
        sink = Recorder()
        reader.begin(sink)
        assert [reader.feed(piece) for piece in pieces][-1]
        assert (sink.status, sink.body) == (status, body)
    assert first.headers["content-length"] == "3"


def test_a_body_that_looks_like_an_answer_is_not_taken_for_a_head() -> None:
    reader = AnswerReader()
    disguise = LIKE % (4, b"evil")
    for _ in range(2):
        sink = Recorder()
        reader.begin(sink)
        assert not reader.feed(b"HTTP/1.1 200 OK\r\nx-a: true\r\ncontent-length: %d\r\n\r\n" % len(disguise))
        assert reader.feed(disguise)
        assert (sink.headers["x-a"], sink.body) == ("true", disguise)
    sink = Recorder()
    reader.begin(sink)
    assert reader.feed(disguise)
    assert (sink.headers["x-a"], sink.body) == ("1", b"evil")
    assert not hasattr(reader, "__dict__")


def test_a_known_head_with_more_behind_its_answer_is_read_with_care() -> None:
    reader = AnswerReader()
    reader.begin(Recorder())
    reader.feed(LIKE % (3, b"one"))
    sink = Recorder()
    reader.begin(sink)
    assert reader.feed(LIKE % (3, b"two") + b"more")
    assert sink.body == b"two"
    assert not reader.keep_open
