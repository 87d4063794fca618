"""The same answers to us and to aiohttp's client, whole, broken and cut at random: the same outcome, or we refuse.

aiohttp is the oracle. What it takes and we refuse stands in STRICTER, each with its reason; what we take and it
refuses stands in LOOSER. Anything else in which the two differ fails.
"""

import asyncio
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import aiohttp
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BackendError
from backends.transport.push import PushBackend
from tests.backends.transport.wire import Line, Recorder, Server, backend, request

STRICTER = {
    # aiohttp parses answers leniently (llhttp's lenient flags); a request smuggled past a proxy begins so.
    "not HTTP/1.1:": "line ends without CR, folded fields, characters in fields, bytes behind a chunk's size",
    "answer's version is": "HTTP/0.9, HTTP/2.0 and the like in a status line",
    "answer's status is": "101 without having asked for it; 000",
    "transfer-encoding is not plain": "codings besides chunked; chunked in HTTP/1.0",
    "head of more than": "256 fields; aiohttp bounds each one",
    "content-encoding is": "codings that we do not undo (br, zstd), of an answer that is no error",
    "compressed stream is cut": "aiohttp takes gzip that ends early for whole",
    "compressed stream is broken": "garbage behind a packed stream",
    "hundred times": "bombs",
}
HUNG = "hung"
LOOSER = {
    # The answers are whole by their framing; what aiohttp minds lies beside it.
    "Can not decode content-encoding": "an error that nobody can unpack keeps its status, without its text",
    "Expected HTTP/": "bytes behind the answer: we take it and drop the connection, aiohttp if they come later",
    "Data after `Connection: close`": "the same",
}


@dataclass
class Outcome:
    """What a client made of an answer."""

    status: int = 0
    body: bytes = b""
    refused: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return not self.refused


class Arena:
    """A server that answers everybody alike, and the two clients, on a loop of their own."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.pieces: list[bytes] = []
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.server = await Server(self._answer).__aenter__()
        self.ours: PushBackend = backend()
        connector = aiohttp.TCPConnector(force_close=True)
        self.theirs = aiohttp.ClientSession(connector=connector)

    async def _answer(self, line: Line) -> None:
        await line.request()
        await line.send(*self.pieces)

    def play(self, *pieces: bytes) -> tuple[Outcome, Outcome]:
        self.pieces = list(pieces)

        async def both() -> tuple[Outcome, Outcome]:
            ours, theirs = await self._ours(), await self._theirs(1)
            if ours and theirs.refused.startswith(HUNG):  # or the machine was busy elsewhere
                theirs = await self._theirs(20)
            return ours, theirs

        return self.runner.run(both())

    async def _ours(self) -> Outcome:
        sink = Recorder()
        try:
            async with asyncio.timeout(3):
                await self.ours.exchange(request(self.server.url), sink)
        except BackendError as error:
            return Outcome(refused=str(error))
        return Outcome(sink.status, sink.body)

    async def _theirs(self, within_s: float) -> Outcome:
        timeout = aiohttp.ClientTimeout(total=within_s)
        try:
            async with self.theirs.post(self.server.url, data=b"{}", allow_redirects=False, timeout=timeout) as answer:
                return Outcome(answer.status, await answer.read())
        except TimeoutError:
            return Outcome(refused=f"{HUNG}: some broken chunks in a later read leave aiohttp waiting for ever")
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            return Outcome(refused=f"{type(error).__name__}: {error}"[:300])

    def close(self) -> None:
        async def closing() -> None:
            await self.ours.close()
            await self.theirs.close()
            await self.server.__aexit__(None)

        self.runner.run(closing())
        self.runner.close()


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    arena = Arena()
    yield arena
    arena.close()


def judge(arena: Arena, *pieces: bytes) -> None:
    ours, theirs = arena.play(*pieces)
    whole = b"".join(pieces)
    if ours and theirs:
        if not (ours.status >= 400 and b"content-encoding" in whole.lower() and ours.body == b""):
            assert ours == theirs, whole
    elif ours:
        assert any(reason in theirs.refused for reason in LOOSER), (ours, theirs, whole)
    elif theirs:
        assert any(reason in ours.refused for reason in STRICTER), (ours, theirs, whole)


# Answers as servers send them, whole: both take them, alike.

BODIES = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"data: {}\n\n", b'{"a":1}', b"\r\n\r\n", b"0\r\n\r\n", b"x" * 5000])
)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/event-stream",
            b"X-Request-Id:abc",
            b"x-empty:",
            b"X-Blank:  \t ",
            b"Set-Cookie: a=b; Path=/",
            b"set-cookie: c=d",
            b"Keep-Alive: timeout=5",
            b"Connection: keep-alive",
            b"connection: close",
            b"Upgrade: h2c",
            b"x-latin: \xe9\xff",
        ]
    ),
    max_size=5,
)
INTERIM = st.sampled_from(
    [
        b"",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 P\r\na: b\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
    ]
)
STATUS = st.sampled_from(
    [b"200 OK", b"200", b"200 ", b"201 Created", b"400 Bad", b"404 N F", b"429 \xe9", b"500 E", b"503 E"]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    body = draw(BODIES)
    fields = draw(FIELDS)
    coding = draw(st.sampled_from([b"", b"", b"gzip", b"deflate", b"identity"]))
    if coding:
        fields.append(b"Content-Encoding: " + coding)
        body = gzip.compress(body) if coding == b"gzip" else zlib.compress(body) if coding == b"deflate" else body
    framing = draw(st.sampled_from(["length", "chunked", "end", "none", "old"]))
    version = b"1.0" if framing == "old" else b"1.1"
    if framing == "none":
        return b"HTTP/1.1 %b No Body\r\n%b\r\n" % (draw(st.sampled_from([b"204", b"304"])), lines(fields))
    if framing == "length" or (framing == "old" and draw(st.booleans())):
        fields.insert(draw(st.integers(0, len(fields))), b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        fields.insert(draw(st.integers(0, len(fields))), b"Transfer-Encoding: chunked")
        body = chunked(draw, body)
    head = b"HTTP/%b %b\r\n%b\r\n" % (version, draw(STATUS), lines(fields))
    return draw(INTERIM) + head + body


def lines(fields: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in fields)


def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    edges = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=4))})
    extension = draw(st.sampled_from([b"", b";a=b", b';a="b c"']))
    trailer = draw(st.sampled_from([b"", b"x-after: all\r\n"]))
    pieces = [body[a:b] for a, b in pairwise(edges)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(p), extension, p) for p in pieces) + b"0\r\n" + trailer + b"\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


PLACES = st.lists(st.integers(0, 10_000), max_size=5)
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "250"))
thorough = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="ORACLE_EXAMPLES" not in os.environ, database=None
)


@given(answers(), PLACES)
@thorough
def test_whole_answers_are_taken_alike_in_any_cut(arena: Arena, answer: bytes, places: list[int]) -> None:
    ours, theirs = arena.play(*cut(answer, places))
    assert ours == theirs
    assert ours, (ours, theirs)


@given(answers(), st.integers(0, 10_000), PLACES)
@thorough
def test_answers_that_break_off_are_judged_alike(arena: Arena, answer: bytes, at: int, places: list[int]) -> None:
    judge(arena, *cut(answer[: at % len(answer)], places))


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete"]),
        st.integers(0, 10_000),
        st.one_of(st.sampled_from(list(b"\r\n\t\0 :;,0123456789afxX")), st.integers(0, 255)),
    ),
    min_size=1,
    max_size=3,
)


@given(answers(), CHANGES, PLACES)
@thorough
def test_broken_answers_are_judged_alike_or_refused_by_us(
    arena: Arena, answer: bytes, changes: list[tuple[str, int, int]], places: list[int]
) -> None:
    broken = bytearray(answer)
    for change, at, byte in changes:
        at %= len(broken)
        if change == "replace":
            broken[at] = byte
        elif change == "insert":
            broken.insert(at, byte)
        elif len(broken) > 1:
            del broken[at]
    judge(arena, *cut(bytes(broken), places))


HOSTILE = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 5",
            b"Content-Length: 05",
            b"Content-Length: 5, 5",
            b"Content-Length: +5",
            b"Content-Length:",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: CHUNKED",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding : chunked",
            b" Content-Length: 5",
            b"Content-Encoding: br",
            b"Content-Encoding: gzip",
            b"Connection: close",
            b"Connection: upgrade\r\nUpgrade: websocket",
            b"\r\n",
            b"x",
        ]
    ),
    max_size=4,
)


@given(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 101 S", b"HTTP/1.1 502 E", b"HTTP/1.1 204 N"]),
    HOSTILE,
    st.sampled_from(
        [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n", b"0005 \r\nhello\r\n0\r\n\r\nHTTP/1.1"]
    ),
    PLACES,
)
@thorough
def test_hostile_framing_is_judged_alike_or_refused_by_us(
    arena: Arena, line: bytes, fields: list[bytes], body: bytes, places: list[int]
) -> None:
    judge(arena, *cut(line + b"\r\n" + lines(fields) + b"\r\n" + body, places))
