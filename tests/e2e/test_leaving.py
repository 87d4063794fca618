"""A caller who leaves, in every phase: the upstream is let go within a second, and the ledger says who left."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import scripts
from tests.support.books import all_requests
from tests.support.caller import Caller, Wire, chat_body
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Script, Upstream

IN_FLIGHT = "headrace_requests_in_flight{"
Leave = Callable[[Wire], None]
LEAVES: dict[str, Leave] = {"close": Wire.close, "reset": Wire.reset}


def leave(
    app: Caller, upstream: Upstream, model: str, script: Script, how: str, *, stream: bool, after: bytes = b""
) -> None:
    """Ask, wait until the request is upstream (and `after` has arrived), leave; the upstream must notice."""
    upstream.script(model, script)
    with app.open_chat(model, stream=stream, headers={"x-request-id": f"left-{model}"}) as wire:
        exchange = upstream.only(model)
        received = b""
        if after:
            wire.head()
            for piece in wire.pieces():
                received += piece
                if after in received:
                    break
        assert exchange.closed_at is None
        left_at = time.monotonic()
        LEAVES[how](wire)
    closed_at = eventually(lambda: exchange.closed_at, within_s=3, what="the upstream let go")
    assert closed_at is not None
    assert closed_at - left_at < 1.0
    assert not exchange.answered


def left_entry(gateway: Gateway, model: str) -> dict[str, Any]:
    found = eventually(
        lambda: gateway.admin.get(f"/admin/v1/requests/left-{model}").status == 200, what="the ledger's entry"
    )
    assert found
    return dict(gateway.admin.get(f"/admin/v1/requests/left-{model}").json)


PHASES: dict[str, tuple[Script, bool, bytes]] = {
    "unary, before headers": (scripts.hang_before_headers(), False, b""),
    "unary, in the body": (scripts.cut_body(then="hang"), False, b""),
    "stream, before headers": (scripts.hang_before_headers(), True, b""),
    "stream, before the first token": (scripts.hang_before_first_token(), True, b""),
    "stream, after content": (
        scripts.raw_stream(scripts.ROLE, *scripts.words("one", "two"), then="hang"),
        True,
        b"two",
    ),
}


@pytest.mark.parametrize("how", LEAVES)
@pytest.mark.parametrize("phase", PHASES)
def test_a_caller_who_leaves_closes_the_upstream_within_a_second(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str, phase: str, how: str
) -> None:
    script, stream, after = PHASES[phase]
    leave(app, upstream, model, script, how, stream=stream, after=after)
    found = left_entry(gateway, model)
    assert found["status"] == 499
    assert found["outcome"] == "client_closed"
    assert [attempt["state"] for attempt in found["attempts"]] == ["client_closed"]


def test_what_was_generated_before_the_caller_left_is_billed_as_estimated(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    words = scripts.words(*"abcdefgh")
    script = scripts.raw_stream(scripts.ROLE, *words, then="hang")
    leave(app, upstream, model, script, "close", stream=True, after=words[-1])
    attempt = left_entry(gateway, model)["attempts"][0]
    assert attempt["source"] == "estimated"
    assert attempt["output_tokens"] == 8


def test_a_busy_stream_is_dropped_too(app: Caller, upstream: Upstream, model: str) -> None:
    words = scripts.words(*["word "] * 400)
    leave(app, upstream, model, scripts.stream(*words, interval_s=0.01), "close", stream=True, after=b"word")


def test_a_caller_who_half_closes_still_gets_the_answer_or_is_seen_to_leave(
    app: Caller, upstream: Upstream, model: str
) -> None:
    """`shutdown(SHUT_WR)` is what `nc` and some HTTP/1.0 clients do: an answer or a clean hang-up, never a hang."""
    upstream.script(model, scripts.answer())
    with app.open_chat(model, stream=False) as wire:
        wire.socket.shutdown(socket.SHUT_WR)
        try:
            assert wire.answer().status == 200
        except ConnectionError:
            assert wire.is_closed()


def test_someone_who_left_is_no_error_of_anyone(app: Caller, gateway: Gateway, upstream: Upstream, model: str) -> None:
    leave(app, upstream, model, scripts.hang_before_headers(), "close", stream=False)
    left_entry(gateway, model)
    mine = [row for row in all_requests(gateway) if row.get("id") == f"left-{model}"]
    assert len(mine) == 1
    assert mine[0]["outcome"] != "error"


def test_a_crowd_that_leaves_at_once_leaves_nothing_behind(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    upstream.script(model, scripts.stream(*scripts.words(*["word "] * 400), interval_s=0.02))
    wires = [app.wire() for _ in range(40)]
    for wire in wires:
        app.start(wire, "POST", "/v1/chat/completions", chat_body(model, stream=True))
    for n, wire in enumerate(wires):
        assert wire.head()[0] == 200
        LEAVES["reset" if n % 2 else "close"](wire)
    left_at = time.monotonic()
    exchanges = upstream.seen(model)
    eventually(lambda: all(exchange.closed_at for exchange in exchanges), within_s=3, what="forty hang-ups")
    assert max(exchange.closed_at or 0 for exchange in exchanges) - left_at < 1.0

    def in_flight() -> float:
        text = Caller(gateway.base_url, None).get("/metrics").body.decode()
        return sum(float(line.rsplit(" ")[-1]) for line in text.splitlines() if line.startswith(IN_FLIGHT))

    eventually(lambda: in_flight() == 0, what="nothing in flight")
