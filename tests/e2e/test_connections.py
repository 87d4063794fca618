"""Connections to an upstream: kept, thrown away in time, and never trusted with more memory than is due."""

import gzip
import json
import time

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Gateway, resident_bytes
from tests.support.patience import eventually
from tests.support.upstream import Line, Upstream

MEGABYTE = 1 << 20


def test_connections_to_an_upstream_are_kept(app: Caller, gateway: Gateway, upstream: Upstream, model: str) -> None:
    for _ in range(4 * gateway.workers):
        app.chat(model)
    before = upstream.connections
    for n in range(20):
        assert app.chat(model, stream=n % 2 == 0).status == 200
    assert upstream.connections - before <= 2


def test_a_connection_the_upstream_gave_up_costs_no_request(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer_then_close())
    for _ in range(12):
        assert app.chat(model).status == 200
        time.sleep(0.02)  # let the close arrive: what races with it nobody could tell from a lost answer


def test_an_answer_in_gzip_is_understood_and_metered(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    body = json.dumps(scripts.completion("packed", scripts.usage(21, 4))).encode()
    upstream.script(model, scripts.answer(gzip.compress(body), headers={"content-encoding": "gzip"}))
    answer = app.chat(model)
    assert answer.status == 200
    assert answer.headers.get("content-encoding") is None
    assert answer.body == body
    assert entry(gateway, answer.headers["x-request-id"])["attempts"][0]["input_tokens"] == 21


def test_an_upstreams_framing_headers_do_not_leak_into_ours(app: Caller, upstream: Upstream, model: str) -> None:
    strange = {"connection": "keep-alive", "keep-alive": "timeout=5", "set-cookie": "__cf_bm=x; path=/", "server": "cf"}
    upstream.script(model, scripts.answer(headers=strange))
    headers = app.chat(model).headers
    assert "set-cookie" not in headers
    assert "keep-alive" not in headers
    assert headers.get("server") != "cf"


def test_a_large_answer_arrives_whole(app: Caller, upstream: Upstream, model: str) -> None:
    body = json.dumps(scripts.completion("x" * (8 * MEGABYTE), scripts.usage(3, 9))).encode()
    upstream.script(model, scripts.answer(body))
    assert app.chat(model).body == body


@pytest.mark.parametrize("length", [True, False])
def test_an_answer_past_the_bound_streams_through_without_being_held(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str, *, length: bool
) -> None:
    piece, pieces = b" " * MEGABYTE, 48
    tail = json.dumps(scripts.completion("end", scripts.usage(3, 9))).encode()

    async def play(line: Line) -> None:
        await line.head(200, scripts.JSON, length=pieces * MEGABYTE + len(tail) if length else None)
        for _ in range(pieces):
            await line.data(piece)
        await line.data(tail)
        await line.end()

    upstream.script(model, play)
    app = gateway.caller()
    answer = Caller(app.base_url, app.key, timeout_s=30).chat(model)
    assert answer.status == 200
    assert len(answer.body) == pieces * MEGABYTE + len(tail)
    assert answer.body.endswith(tail)


def test_an_event_without_an_end_is_cut_off_before_it_fills_the_memory(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    before = sum(resident_bytes(pid) for pid in gateway.worker_pids())
    upstream.script(model, scripts.endless_event(256 * MEGABYTE))
    answer = app.chat(model, stream=True)
    assert b"[DONE]" not in answer.body
    assert answer.status == 502 or answer.error["code"]
    assert sum(resident_bytes(pid) for pid in gateway.worker_pids()) - before < 96 * MEGABYTE
    eventually(lambda: upstream.only(model).closed_at, within_s=2, what="the upstream let go")
