"""The fake provider itself: a test harness that errs is worse than none."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import scripts
from tests.support.caller import Caller
from tests.support.hole import Hole
from tests.support.patience import eventually
from tests.support.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(default=scripts.answer()) as server:
        yield server


@pytest.fixture
def direct(upstream: Upstream) -> Caller:
    """Straight to the provider, as if it were the gateway."""
    return Caller(f"http://127.0.0.1:{upstream.port}/alpha", "sk-test")


def chat(direct: Caller, model: str, **fields: object) -> "tuple[int, bytes]":
    answer = direct.post("/alpha/v1/chat/completions", {"model": model, **fields})
    return answer.status, answer.body


def test_it_answers_and_keeps_the_request(direct: Caller, upstream: Upstream) -> None:
    upstream.script("one", scripts.answer(b'{"odd" : 1 }'))
    assert chat(direct, "one", user="u") == (200, b'{"odd" : 1 }')
    exchange = upstream.only("one")
    assert exchange.json == {"model": "one", "user": "u"}
    assert exchange.header("authorization") == "Bearer sk-test"
    eventually(lambda: exchange.answered)
    assert exchange.closed_at is None


def test_it_streams_usage_only_when_asked(direct: Caller, upstream: Upstream) -> None:
    words = scripts.words("a", "b")
    upstream.script("two", scripts.stream(*words, counted=scripts.usage(3, 2), piece=5))
    asked = {"include_usage": True}
    assert chat(direct, "two")[1] == scripts.stream_text(*words)
    assert chat(direct, "two", stream_options=asked)[1] == scripts.stream_text(*words, counted=scripts.usage(3, 2))


def test_scripts_take_turns_and_the_last_one_stays(direct: Caller, upstream: Upstream) -> None:
    upstream.script("three", scripts.openai_error(500, "x"), scripts.answer())
    assert [chat(direct, "three")[0] for _ in range(3)] == [500, 200, 200]


def test_it_sees_who_leaves(direct: Caller, upstream: Upstream) -> None:
    upstream.script("four", scripts.hang_before_headers())
    with direct.wire() as wire:
        direct.start(wire, "POST", "/alpha/v1/chat/completions", {"model": "four"})
        exchange = upstream.only("four")
        assert exchange.closed_at is None
    eventually(lambda: exchange.closed_at, within_s=1)


@pytest.mark.parametrize("then", ["cut", "reset"])
def test_it_breaks_off(direct: Caller, upstream: Upstream, then: str) -> None:
    upstream.script(then, scripts.raw_stream(scripts.ROLE, then=then))
    with pytest.raises(ConnectionError):
        chat(direct, then)


def test_a_gate_holds_a_stream(direct: Caller, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.script("five", scripts.stream(gate=gate))
    with direct.wire() as wire:
        direct.start(wire, "POST", "/alpha/v1/chat/completions", {"model": "five"})
        assert wire.head()[0] == 200
        assert upstream.only("five").content_events < 3
        gate.set()
        assert b"".join(wire.pieces()).endswith(scripts.DONE)


def test_nobody_answers_in_a_hole() -> None:
    with Hole() as hole:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            Caller(f"http://127.0.0.1:{hole.port}", None, timeout_s=0.3).get("/")
        assert time.monotonic() - started >= 0.3
