"""Bytes into requests: any cut of them gives the same request, and what is no request is refused."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.http.dataplane.reader import RequestReader
from gateway.http.dataplane.request_head import Headers
from tests.http.dataplane.rig import BODY, LIMIT, chunked, request

CRLF_BODY = b"\r\n\r\n0\r\n\r\n\r\n\r\n" + BODY + b"\r\n\r\n"
GOOD = {
    "sized": request(),
    "no body": request(body=b""),
    "chunked": request("transfer-encoding: chunked", body=chunked(BODY)),
    "chunked, by single bytes": request("transfer-encoding: chunked", body=chunked(BODY, 1)),
    "chunked, with trailers": request("transfer-encoding: chunked", body=chunked(BODY)[:-2] + b"x-sum: 1\r\n\r\n"),
    "chunked, with extensions": request(
        "transfer-encoding: chunked", body=b'3;a="b";c\r\n{ }\r\n0;last\r\nauthorization: Bearer other\r\n\r\n'
    ),
    "borders within a sized body": request(body=CRLF_BODY),
    "borders within chunks": request("transfer-encoding: chunked", body=chunked(CRLF_BODY, 7)),
    "upgrade to h2c": request("upgrade: h2c", "http2-settings: AAMAAABk", "connection: upgrade, http2-settings"),
    "upgrade, chunked": request(
        "upgrade: h2c", "connection: upgrade", "transfer-encoding: chunked", body=chunked(BODY)
    ),
    "upgrade without connection": request("upgrade: websocket"),
    "HTTP/1.0": request(version="1.0"),
}
Read = tuple[dict[bytes, bytes], bytes]


def read(pieces: list[bytes]) -> list[Read]:
    """Every request in these pieces."""
    reader, found = RequestReader(LIMIT), []
    for piece in pieces:
        at = 0
        while at < len(piece):
            at = reader.feed(piece, at)
            if reader.complete and reader.head is not None:
                found.append((reader.head.fields, reader.body()))
                reader.next()
    return found


def read_whole(data: bytes) -> list[Read] | None:
    """The same at a single stroke; None: it can't be, and nothing has been read."""
    reader = RequestReader(LIMIT)
    if not reader.feed_whole(data):
        assert reader.head is None
        return None
    assert reader.head is not None
    return [(reader.head.fields, reader.body())]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(places), len(data)]
    return [piece for start, end in itertools.pairwise(borders) if (piece := data[start:end])]


@pytest.mark.parametrize("name", GOOD)
def test_a_request_is_the_same_however_it_is_cut_in_two(name: str) -> None:
    data = GOOD[name]
    whole = read([data])
    assert len(whole) == 1
    for place in range(1, len(data)):
        assert read(cut(data, [place])) == whole, place


@pytest.mark.parametrize("name", GOOD)
def test_a_request_is_the_same_byte_by_byte_and_twice_in_a_row(name: str) -> None:
    data = GOOD[name]
    whole = read([data])
    if name == "HTTP/1.0":
        assert read([bytes([byte]) for byte in data]) == whole
    else:
        assert read([bytes([byte]) for byte in data + data]) == whole * 2
        assert read([data + data]) == whole * 2


@pytest.mark.parametrize("name", GOOD)
def test_a_request_in_one_piece_is_the_same_at_a_single_stroke(name: str) -> None:
    data = GOOD[name]
    careful = name == "upgrade to h2c" or "chunk" in name
    assert read_whole(data) == (None if careful else read([data]))
    assert all(read_whole(data[:place]) is None for place in range(len(data)))


@pytest.mark.parametrize("behind", [request(), b"G", b"\r\n\r\nPOST / HTTP/1.1\r\n\r\n", b"\0"])
def test_what_stands_behind_a_request_is_not_swallowed_with_it(behind: bytes) -> None:
    reader = RequestReader(LIMIT)
    assert not reader.feed_whole(request() + behind)
    assert reader.feed(request() + behind, 0) < len(request())
    assert reader.feed(request() + behind, len(request()) - len(BODY)) == len(request())
    assert reader.body() == BODY


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([name for name in GOOD if name != "HTTP/1.0"]), min_size=1, max_size=4), st.data())
def test_pipelined_requests_survive_any_cuts(names: list[str], data: st.DataObject) -> None:
    joined = b"".join(GOOD[name] for name in names)
    places = data.draw(st.lists(st.integers(1, len(joined) - 1), max_size=12))
    assert read(cut(joined, places)) == [read([GOOD[name]])[0] for name in names]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50), st.data())
def test_any_body_comes_out_as_it_went_in(body: bytes, size: int, data: st.DataObject) -> None:
    for raw in (request(body=body), request("transfer-encoding: chunked", body=chunked(body, size))):
        places = data.draw(st.lists(st.integers(1, len(raw) - 1), max_size=8))
        assert [found[1] for found in read(cut(raw, places))] == [body]


def test_bodies_and_values_are_what_was_sent() -> None:
    for name, data in GOOD.items():
        fields, body = read([data])[0]
        assert fields[b"authorization"] == b"Bearer hr-good", name
        expected = {"no body": b"", "chunked, with extensions": b"{ }"}
        assert body == expected.get(name, CRLF_BODY if "borders" in name else BODY)


def test_repeated_headers_are_one_list_and_known_to_be_repeated() -> None:
    reader = RequestReader(LIMIT)
    reader.feed(request("x-a: 1", "X-A:2\t", "x-b:"), 0)
    assert reader.head is not None
    headers = Headers(reader.head.fields)
    assert (headers["X-A"], headers["x-b"]) == ("1, 2", "")
    assert reader.head.repeated == {b"x-a"}


def test_no_key_is_shown() -> None:
    reader = RequestReader(LIMIT)
    reader.feed(request(), 0)
    assert "hr-good" not in repr(reader.head)


BAD = {
    "a folded header": request("x-y: a\r\n b"),
    "a bare LF": request().replace(b"host: x\r\n", b"host: x\n"),
    "a bare CR": request("x-y: a\rb"),
    "a bare LF at the end of the head": request(body=b"").replace(b"\r\n\r\n", b"\n\n"),
    "a NUL": request("x-y: a\0b"),
    "a control character": request("x-y: a\x01b"),
    "a space before the colon": request("x-y : a"),
    "no colon": request("x-y"),
    "an empty name": request(": a"),
    "length and coding": request("content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
    "coding and length": request("transfer-encoding: chunked", "content-length: 5", body=b"0\r\n\r\n"),
    "two lengths": request("content-length: 5", "content-length: 6", body=b"123456"),
    "two equal lengths": request("content-length: 5", "content-length: 5", body=b"12345"),
    "a list of lengths": request("content-length: 5, 5", body=b"12345"),
    "a negative length": request("content-length: -5", body=b""),
    "a signed length": request("content-length: +5", body=b"12345"),
    "a hexadecimal length": request("content-length: 0x5", body=b"12345"),
    "an empty length": request("content-length: ", body=b""),
    "a length past all numbers": request("content-length: 99999999999999999999999", body=b""),
    "another coding": request("transfer-encoding: gzip", body=b""),
    "a coding within chunked": request("transfer-encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked twice": request("transfer-encoding: chunked", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
    "chunked not last": request("transfer-encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": request("transfer-encoding: chunked", body=b"0\r\n\r\n", version="1.0"),
    "a bad chunk size": request("transfer-encoding: chunked", body=b"zz\r\nab\r\n0\r\n\r\n"),
    "a signed chunk size": request("transfer-encoding: chunked", body=b"-2\r\nab\r\n0\r\n\r\n"),
    "a huge chunk size": request("transfer-encoding: chunked", body=b"fffffffffffffffff\r\nab\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": request("transfer-encoding: chunked", body=b"1\r\nab\r\n0\r\n\r\n"),
    "a bare LF after a chunk size": request("transfer-encoding: chunked", body=b"1\na\r\n0\r\n\r\n"),
    "HTTP/2.0": request(version="2.0"),
    "HTTP/0.9": b"POST /v1/chat/completions\r\n\r\n",
    "no host": request().replace(b"host: x\r\n", b""),
    "two hosts": request("host: y"),
    "something else for a version": request().replace(b"HTTP/1.1", b"HTTX/1.1"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_request_is_refused(name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        read([BAD[name]])
    assert caught.value.status == 400


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_byte_by_byte_too(name: str) -> None:
    with pytest.raises(GatewayError):
        read([bytes([byte]) for byte in BAD[name]])


def test_a_host_is_not_asked_of_http_1_0() -> None:
    assert len(read([request(version="1.0").replace(b"host: x\r\n", b"")])) == 1


@pytest.mark.parametrize("step", [1 << 20, 1000])
def test_a_head_over_its_limit_is_431_before_it_ends(step: int) -> None:
    endless = request().split(b"\r\n\r\n")[0] + b"\r\nx-y: " + b"z" * 40_000
    with pytest.raises(GatewayError) as caught:
        read([endless[at : at + step] for at in range(0, len(endless), step)])
    assert caught.value.status == 431


def test_a_head_within_its_limit_is_read() -> None:
    assert len(read([request("x-y: " + "z" * 31_000)])) == 1


def test_too_many_headers_are_431() -> None:
    assert len(read([request(*[f"x-{n}: 1" for n in range(124)])])) == 1
    with pytest.raises(GatewayError) as caught:
        read([request(*[f"x-{n}: 1" for n in range(125)])])
    assert caught.value.status == 431


def test_a_body_over_the_limit_is_413_before_all_of_it_came() -> None:
    whole = request("transfer-encoding: chunked", body=chunked(b" " * (LIMIT + 1), 65_536))
    assert read([request("transfer-encoding: chunked", body=chunked(b" " * LIMIT, 65_536))])
    with pytest.raises(GatewayError) as caught:
        read([whole[at : at + 65_536] for at in range(0, len(whole) - 5, 65_536)])
    assert caught.value.status == 413


@pytest.mark.parametrize("framing", [b"1;" + b"x" * 100_000 + b"\r\na\r\n", b"0\r\nx: " + b"y" * 100_000])
def test_framing_without_end_is_refused(framing: bytes) -> None:
    data = request("transfer-encoding: chunked", body=framing)
    with pytest.raises(GatewayError) as caught:
        read([data[at : at + 4096] for at in range(0, len(data), 4096)])
    assert caught.value.status == 400
