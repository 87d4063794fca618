"""The same bytes to both doors: the data plane understands what aiohttp's server understands, or refuses it.

Where it refuses more, STRICTER says what and why. It never accepts what aiohttp refuses.
"""

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.http.dataplane.reader import RequestReader
from tests.http.dataplane.rig import BODY, CHAT, KEY, LIMIT, Answers, Both, chunked, serving

WAIT_S = 0.15
"""For an answer that may never come, since the request is not whole."""
LONG_WAIT_S = 2.0
"""Before the doors are said to differ: the machine may have been busy."""
Verdict = tuple[int, Any]
STILL_WAITING: Verdict = (0, None)


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """Both doors, served by a thread of their own."""
    ready, loop = threading.Event(), uvloop.new_event_loop()
    found: list[Both] = []

    async def serve(stop: asyncio.Event) -> None:
        async with serving() as open_doors:
            found.append(open_doors)
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stop)))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def ask(port: int, pieces: list[bytes], wait_s: float = WAIT_S) -> Verdict:
    """Status class of the first answer, and what was understood."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):  # refused before all was sent
            for piece in pieces:
                wire.sendall(piece)
        wire.settimeout(wait_s)
        data = b""
        try:
            while not whole(data) and (more := wire.recv(65_536)):
                data += more
        except TimeoutError:
            return STILL_WAITING
        except ConnectionError:
            return (4, None)
        if not data:
            return (4, None)  # closed without a word
        answers = Answers(data)
        status, _, body = answers.next()
        if status == 100:
            if not answers.data:
                return STILL_WAITING
            status, _, body = answers.next()
        return status // 100, orjson.loads(body) if status == 200 else None


def whole(data: bytes) -> bool:
    with suppress(AssertionError, IndexError, ValueError):
        answers = Answers(data)
        return answers.next()[0] != 100 or bool(answers.data and answers.next())
    return False


AUTHORIZATION = f"authorization: Bearer {KEY}"
LINES = [
    "x-a: 1",
    "X-A:2",
    "x-empty:",
    "x-tab:\t a \t",
    "x-utf: \u00e9\u4e2d",
    "x-obs: a\x80b",
    "accept: */*",
    "accept-encoding: gzip, br",
    "connection: keep-alive",
    "connection: close",
    "content-type: text/plain",
    "content-type: application/json; charset=utf-8",
    "content-encoding: identity",
    "content-encoding: gzip",
    "content-encoding: br",
    "expect: 100-continue",
    "expect: 200-ok",
    "upgrade: h2c",
    "connection: upgrade",
    "cookie: a=b",
    "cookie: c=d",
    "user-agent: a",
    "x-request-id: r-1",
    "x-api-key: hr-good",
    "authorization: Bearer hr-wrong",
    "host: y",
    "te: trailers",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "content-length: 3",
    "content-length: 0",
    "content-length: 00062",
    "content-length: +3",
    "x-fold: a\r\n b",
    "x-nul: a\0b",
    "x-cr: a\rb",
    "x-lf: a\nb",
    "x-space : a",
    "no colon",
    ": no name",
    "x-\u00e9: name",
    "trailer: x-sum",
    "keep-alive: timeout=5",
    "forwarded: for=1.2.3.4",
]
HOSTS = ["host: x", "Host: [::1]:80", "host:", None]
PATHS = [
    CHAT,
    "/openai/v1/chat/completions",
    CHAT + "?a=b%20c&d",
    "/providers/alpha/v1/chat/completions",
    "/v1/nothing",
]
BODIES = [BODY, b"", b"\r\n\r\n", b"\x00\xff" * 20, BODY * 3]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from(BODIES))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=4))
    host = draw(st.sampled_from(HOSTS + ["host: x"] * 8))
    if host is not None:
        lines.insert(draw(st.integers(0, len(lines))), host)
    if draw(st.integers(0, 9)):
        lines.append(AUTHORIZATION)
    framing = draw(st.sampled_from(["sized", "sized", "sized", "chunked", "none"]))
    if framing == "sized":
        lines.append(f"content-length: {len(body)}")
    elif framing == "chunked":
        lines.append("transfer-encoding: chunked")
        body = chunked(body, draw(st.sampled_from([1, 10, 1000])))
    else:
        body = b""
    path, version = (
        draw(st.sampled_from(PATHS)),
        draw(st.sampled_from(["1.1"] * 8 + ["1.0", "1.0", "2.0", "1.2", "0.9"])),
    )
    return "\r\n".join([f"POST {path} HTTP/{version}", *lines]).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def fields_of(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Request line and header fields, as a careless reader sees them."""
    line, *rest = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return line, [(name.strip().lower(), value.strip()) for name, _, value in (field.partition(b":") for field in rest)]


def _no_host(data: bytes) -> bool:
    line, fields = fields_of(data)
    return b"host" not in dict(fields) and line.endswith(b"HTTP/1.1")


def _coded(data: bytes) -> bool:
    line, fields = fields_of(data)
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    return bool(codings) and (codings != [b"chunked"] or line.endswith(b"HTTP/1.0"))


def _encoded_twice(data: bytes) -> bool:
    return [name for name, _ in fields_of(data)[1]].count(b"content-encoding") > 1


def _two_keys(data: bytes) -> bool:
    return [name for name, _ in fields_of(data)[1]].count(b"x-api-key") > 1


def _other_version(data: bytes) -> bool:
    return not fields_of(data)[0].endswith((b"HTTP/1.1", b"HTTP/1.0"))


STRICTER: dict[str, Callable[[bytes], bool]] = {
    "HTTP/1.1 without a host (RFC 9112, section 3.2, asks for 400)": _no_host,
    "a transfer coding other than chunked, twice, or in HTTP/1.0 (smuggling: RFC 9112, section 6.1)": _coded,
    "two content-encodings: both were applied (RFC 9110, section 8.4), aiohttp sees the first": _encoded_twice,
    "two x-api-keys: which one is meant?": _two_keys,
    "another version than 1.1 and 1.0": _other_version,
}


def compare(both: Both, pieces: list[bytes]) -> None:
    if ask(both.port, pieces) == ask(both.oracle_port, pieces):
        return
    ours, theirs = (ask(port, pieces, LONG_WAIT_S) for port in (both.port, both.oracle_port))
    if ours == theirs:
        return
    data = b"".join(pieces)
    reasons = [reason for reason, applies in STRICTER.items() if applies(data)]
    assert ours[0] == 4 and reasons, (data, ours, theirs)  # noqa: PT018  one story


def first_request(data: bytes) -> bytes:
    """Without what follows it: aiohttp throws a request away when the one behind it is broken, we answer first."""
    reader, at = RequestReader(LIMIT), 0
    with suppress(GatewayError):
        while at < len(data) and not reader.complete:
            at = reader.feed(data, at)
    return data[:at] if reader.complete else data


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.lists(st.integers(1, 400), max_size=4))
def test_both_doors_understand_the_same(both: Both, data: bytes, places: list[int]) -> None:
    borders = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    compare(both, [data[start:end] for start, end in itertools.pairwise(borders)])


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.integers(0, 10_000), st.sampled_from([*b"\r\n\0 :;,\t0aZ\x7f\x80\xff", None]))
def test_both_doors_judge_a_damaged_byte_alike(both: Both, data: bytes, place: int, byte: int | None) -> None:
    place %= data.find(b"\r\n\r\n") + 4
    damaged = data[:place] + (b"" if byte is None else bytes([byte])) + data[place + 1 :]
    compare(both, [first_request(damaged)])
