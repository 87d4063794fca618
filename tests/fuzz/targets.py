"""What is fuzzed: each protocol's stream, through its relay where bytes pass, else through decoder and encoder.

What an input may do: give bytes, or be refused with a BackendError. What it may not: raise anything else, depend on how
it was cut, or make more of itself than it is.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from backends.adapter import StreamRelay
from backends.errors import MALFORMED, BackendError
from backends.types import ChatRequest
from gateway.dialects.translated import TranslatedRelay
from tests.conformance.asks import CHAT, MESSAGES, RESPONSES
from tests.conformance.cells import adapter_for, dialects_spoken, passes_through
from tests.conformance.said import CITING, COUNTED, ONE_TOOL, REFUSED, TEXT, TEXT_AND_TOOLS, THOUGHT_TOOL, TWICE
from tests.conformance.upstream_table import UPSTREAMS, Upstream

LARGEST = 4096
"""Bytes of an input."""
GROWTH = 4096
"""Bytes that may come out for each that goes in: an event of nothing makes a whole chunk, or several events."""
_DIALECTS = (CHAT, MESSAGES, RESPONSES)
_SAYINGS = (TEXT, ONE_TOOL, TEXT_AND_TOOLS, THOUGHT_TOOL, CITING, COUNTED)
_BODIES = {
    CHAT: {"messages": [{"role": "user", "content": "?"}]},
    MESSAGES: {"messages": [{"role": "user", "content": "?"}], "max_tokens": 9, "thinking": {"type": "adaptive"}},
    RESPONSES: {"input": "?"},
}


class Fuzzed(NamedTuple):
    """One way through."""

    name: str
    upstream: Upstream
    relay: Callable[[], StreamRelay]


def fuzzed() -> Iterator[Fuzzed]:
    """Every protocol, by every dialect."""
    for upstream in UPSTREAMS:
        for dialect in _DIALECTS:
            yield Fuzzed(f"{dialect} from {upstream.name}", upstream, _relay(dialect, upstream))


def _relay(dialect: str, upstream: Upstream) -> Callable[[], StreamRelay]:
    adapter, spoken = adapter_for(upstream), dialects_spoken()[dialect]
    asked = {"model": upstream.target.model, "stream": True, **_BODIES[dialect]}
    chat: ChatRequest = spoken.parse(json.dumps(asked).encode(), {})._replace(created=1_700_000_000)
    if passes_through(dialect, upstream):
        return lambda: adapter.stream_relay(chat)
    return lambda: TranslatedRelay(adapter.stream_decoder(chat), spoken.stream_encoder(chat))


def seeds(upstream: Upstream) -> list[bytes]:
    """Good streams, to begin with."""
    more = {"openai": [REFUSED, TWICE], "cohere": []}.get(upstream.family, [REFUSED])
    return [upstream.stream(said) for said in (*_SAYINGS, *more)]


def played(relay: StreamRelay, pieces: Sequence[bytes]) -> tuple[bytes, str]:
    """What came out, and how it ended."""
    out: list[bytes] = []
    try:
        for piece in pieces:
            out.append(relay.feed(piece))
            if relay.done or relay.error is not None:
                break
        out.append(relay.close())
    except BackendError as error:
        return b"".join(out), type(error).__name__
    except MALFORMED:  # as the dispatcher's sink takes it
        return b"".join(out), "BadAnswer"
    return b"".join(out), "whole"


def try_out(one: Fuzzed, data: bytes, cuts: Sequence[int] = ()) -> None:
    """Raises AssertionError, or whatever nobody foresaw."""
    data = data[:LARGEST]
    told, ended = played(one.relay(), [data])
    assert len(told) <= GROWTH * (len(data) + 1), f"{len(data)} bytes became {len(told)}"
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    told_cut, ended_cut = played(one.relay(), [data[a:b] for a, b in pairwise(places)])
    if ended == ended_cut == "whole":
        assert told == told_cut, "another cut, another answer"
