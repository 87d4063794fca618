"""Until the caller has seen content another target takes over; after that the break is told inside the stream."""

import json

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Answer, Caller
from tests.support.gateway import Gateway
from tests.support.upstream import Script, Upstream

BEFORE_CONTENT: dict[str, Script] = {
    "500": scripts.openai_error(500, "oops", type_="server_error"),
    "503": scripts.openai_error(503, "overloaded", type_="server_error"),
    "429": scripts.rate_limited({"retry-after": "20"}),
    "HTML": scripts.html_page(502),
    "HTML as 200": scripts.html_page(200),
    "hang-up": scripts.hang_up_before_headers(),
    "reset": scripts.hang_up_before_headers("reset"),
}
IN_STREAM: dict[str, Script] = {
    "error before content": scripts.raw_stream(scripts.ROLE, scripts.error_event(), scripts.DONE),
    "cut after the role": scripts.raw_stream(scripts.ROLE, then="cut"),
    "reset after the role": scripts.raw_stream(scripts.ROLE, then="reset"),
    "end after the role": scripts.raw_stream(scripts.ROLE, then="end"),
    "nothing but headers": scripts.raw_stream(then="end"),
    "no first token": scripts.hang_before_first_token(),
    "no headers": scripts.hang_before_headers(),
    "only a comment": scripts.raw_stream(b": waiting\n\n", then="hang"),
}


def assert_answered_by_beta(answer: Answer, *, attempts: int = 2) -> None:
    assert answer.status == 200, answer.body
    assert answer.headers["x-headrace-target"].startswith("beta/")
    assert answer.headers["x-headrace-attempts"] == str(attempts)


@pytest.mark.parametrize("name", [*BEFORE_CONTENT, "cut body"])
def test_a_unary_failure_moves_on_to_the_next_target(app: Caller, upstream: Upstream, pair: str, name: str) -> None:
    upstream.script(pair, {**BEFORE_CONTENT, "cut body": scripts.cut_body()}[name])
    upstream.script(pair, scripts.answer(), provider="beta")
    assert_answered_by_beta(app.chat(pair))


@pytest.mark.parametrize("name", [*BEFORE_CONTENT, *IN_STREAM])
def test_a_stream_that_fails_before_content_moves_on(app: Caller, upstream: Upstream, pair: str, name: str) -> None:
    events = scripts.words("from ", "beta")
    upstream.script(pair, {**BEFORE_CONTENT, **IN_STREAM}[name])
    upstream.script(pair, scripts.stream(*events), provider="beta")
    answer = app.chat(pair, stream=True)
    assert_answered_by_beta(answer)
    # Nothing of the failed target is left in the caller's stream but, at most, its opening role.
    assert answer.text == "from beta"
    assert answer.body.endswith(scripts.DONE)
    assert b'"error"' not in answer.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["dead", "hole"])
def test_a_target_that_cannot_be_reached_is_passed_over(app: Caller, pair: str, kind: str, *, stream: bool) -> None:
    answer = app.chat(f"{kind}-{pair}-{stream}".lower())
    assert_answered_by_beta(answer)


def test_each_attempt_has_its_record(app: Caller, gateway: Gateway, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, scripts.openai_error(500, "oops", type_="server_error"))
    upstream.script(pair, scripts.answer(counted=scripts.usage(7, 2)), provider="beta")
    found = entry(gateway, app.chat(pair).headers["x-request-id"], attempts=2)
    assert [attempt["provider"] for attempt in found["attempts"]] == ["alpha", "beta"]
    assert found["attempts"][1]["source"] == "provider"
    assert found["attempts"][1]["cost_nano"] == 7 * 2_500 + 2 * 10_000


def test_reasoning_does_not_commit_but_content_does(app: Caller, upstream: Upstream, pair: str) -> None:
    thinking = scripts.chunk({"reasoning_content": "hm", "reasoning": "hm"})
    upstream.script(pair, scripts.raw_stream(scripts.ROLE, thinking, then="cut"))
    upstream.script(pair, scripts.stream(*scripts.words("answer")), provider="beta")
    answer = app.chat(pair, stream=True)
    assert answer.text == "answer"
    assert answer.body.endswith(scripts.DONE)


def assert_broken(answer: Answer, text: str) -> None:
    """What was said stays, then one error event, and never a terminator."""
    assert answer.status == 200
    events = answer.events
    assert b"[DONE]" not in answer.body
    last = json.loads(events[-1])
    assert last["error"]["message"]
    assert last["error"]["code"] == "upstream_error" or last["error"]["code"] == "upstream_timeout"
    assert last["error"]["metadata"]["origin"] == "provider"
    seen = [json.loads(data) for data in events[:-1]]
    assert "".join(c["delta"].get("content") or "" for e in seen for c in e["choices"]) == text


@pytest.mark.parametrize("then", ["cut", "reset", "end", "hang"])
def test_a_stream_that_breaks_after_content_ends_with_an_error_event(
    app: Caller, upstream: Upstream, pair: str, then: str
) -> None:
    upstream.script(pair, scripts.raw_stream(scripts.ROLE, *scripts.words("half ", "an"), then=then))
    assert_broken(app.chat(pair, stream=True), "half an")
    assert not upstream.seen(pair, "beta")


def test_an_upstreams_error_after_content_is_told_and_nothing_after_it(
    app: Caller, upstream: Upstream, pair: str
) -> None:
    # vLLM ends a dead engine's stream with an error and a terminator; the terminator would be a lie.
    upstream.script(
        pair, scripts.raw_stream(scripts.ROLE, *scripts.words("half"), scripts.error_event("engine died"), scripts.DONE)
    )
    answer = app.chat(pair, stream=True)
    assert answer.status == 200
    assert b"[DONE]" not in answer.body
    assert "engine died" in json.loads(answer.events[-1])["error"]["message"]
    assert not upstream.seen(pair, "beta")


def test_a_stream_cut_inside_an_event_gives_no_half_event(app: Caller, upstream: Upstream, model: str) -> None:
    whole, half = scripts.words("whole", "half")
    upstream.script(model, scripts.raw_stream(scripts.ROLE, whole, half[: len(half) // 2], then="cut"))
    assert_broken(app.chat(model, stream=True), "whole")


def test_a_finished_stream_without_a_terminator_is_whole(app: Caller, upstream: Upstream, model: str) -> None:
    """Some providers leave `[DONE]` out; a finish reason and a proper end of the body say that all was sent."""
    upstream.script(model, scripts.stream(*scripts.words("all"), done=False))
    answer = app.chat(model, stream=True)
    assert answer.text == "all"
    assert b'"error"' not in answer.body


def test_all_targets_failing_lists_every_attempt(app: Caller, upstream: Upstream, pair: str) -> None:
    for provider in ("alpha", "beta"):
        upstream.script(pair, scripts.openai_error(500, "oops", type_="server_error"), provider=provider)
    answer = app.chat(pair)
    assert answer.status == 502
    targets = [attempt["target"].split("/")[0] for attempt in answer.error["metadata"]["attempts"]]
    assert targets == ["alpha", "beta"]
    assert answer.headers["x-headrace-attempts"] == "2"


def test_the_request_that_fails_over_is_the_same(app: Caller, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, scripts.openai_error(500, "oops", type_="server_error"))
    app.chat(pair, temperature=0.3)
    assert upstream.only(pair, "alpha").json == upstream.only(pair, "beta").json
