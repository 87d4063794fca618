"""The clocks of the routing file, each against an upstream that hangs exactly there."""

import time

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Script, Upstream

# As in tests/support/rules.py, with room for a busy machine above and none below.
CONNECT_S, FIRST_TOKEN_S, BETWEEN_TOKENS_S, ANSWER_S = 0.4, 0.7, 0.7, 0.9
SLACK_S = 3.0

HANGS: dict[str, tuple[Script, bool, float]] = {
    "first_token, before headers": (scripts.hang_before_headers(), True, FIRST_TOKEN_S),
    "first_token, after headers": (scripts.hang_before_first_token(), True, FIRST_TOKEN_S),
    "answer, before headers": (scripts.hang_before_headers(), False, ANSWER_S),
    "answer, in the body": (scripts.cut_body(then="hang"), False, ANSWER_S),
}


@pytest.mark.parametrize("name", HANGS)
def test_a_hang_before_the_first_byte_is_a_504_in_time(app: Caller, upstream: Upstream, model: str, name: str) -> None:
    script, stream, clock_s = HANGS[name]
    upstream.script(model, script)
    started = time.monotonic()
    answer = app.chat(model, stream=stream)
    took_s = time.monotonic() - started
    assert answer.status == 504, answer.body
    assert answer.error["code"] == "upstream_timeout"
    assert answer.headers["x-should-retry"] == "false"
    assert clock_s * 0.9 < took_s < clock_s + SLACK_S
    eventually(lambda: upstream.only(model).closed_at, within_s=1, what="the upstream's connection closed")


def test_a_connection_that_does_not_come_about_ends_by_its_clock(app: Caller) -> None:
    started = time.monotonic()
    answer = app.chat("only-hole")
    assert answer.status in (502, 503, 504)
    assert CONNECT_S * 0.9 < time.monotonic() - started < CONNECT_S + SLACK_S


def test_a_stall_between_tokens_ends_the_stream_with_an_error(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("and then"), then="hang"))
    started = time.monotonic()
    answer = app.chat(model, stream=True)
    assert BETWEEN_TOKENS_S * 0.9 < time.monotonic() - started < BETWEEN_TOKENS_S + SLACK_S
    assert answer.text.startswith("and then") or "and then" in answer.body.decode()
    assert answer.error["code"] == "upstream_timeout"
    assert b"[DONE]" not in answer.body
    eventually(lambda: upstream.only(model).closed_at, within_s=1, what="the upstream's connection closed")


def test_a_slow_but_steady_stream_outlives_every_short_clock(app: Caller, upstream: Upstream, model: str) -> None:
    words = scripts.words(*[f"{n} " for n in range(8)])
    upstream.script(model, scripts.stream(*words, interval_s=0.2))
    answer = app.chat(model, stream=True)
    assert answer.text == "0 1 2 3 4 5 6 7 "
    assert answer.body.endswith(scripts.DONE)


def test_a_timeout_is_metered_and_named(app: Caller, gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.hang_before_headers())
    answer = app.chat(model)
    found = entry(gateway, answer.headers["x-request-id"])
    assert found["status"] == 504
    assert len(found["attempts"]) == 1
    assert "timeout" in answer.error["metadata"]["attempts"][0]["reason"]
