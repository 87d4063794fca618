"""Why a request went where it went; and what a caller asks of targets, seen from outside."""

import json

import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.rules import ALPHA_PRICE, BETA_PRICE, provider, target
from tests.support.upstream import Upstream


def test_a_dry_run_says_what_would_be_done_and_sends_nothing(app: Caller, upstream: Upstream, pair: str) -> None:
    answer = app.post("/v1/route", {"model": pair, "messages": [{"role": "user", "content": "hi"}]})
    assert answer.status == 200
    told = answer.json
    assert [one["provider"] for one in told["candidates"]] == ["alpha", "beta"]
    assert told["candidates"][0]["expected_usd"] > 0
    assert "price" not in told["candidates"][0]
    assert not upstream.seen(pair)


def test_an_operator_is_told_more(gateway: Gateway, pair: str) -> None:
    told = gateway.admin.post("/v1/route", {"model": pair, "messages": [{"role": "user", "content": "hi"}]}).json
    assert told["candidates"][1]["price"]["output"] == BETA_PRICE["output"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_can_say_why_it_came_from_there(app: Caller, pair: str, *, stream: bool) -> None:
    answer = app.chat(pair, stream=stream, headers={"x-headrace-explain": "1"})
    told = json.loads(answer.headers["x-headrace-explain"])
    assert [one["target"].split("/")[0] for one in told["candidates"]] == ["alpha", "beta"]
    assert "x-headrace-explain" not in app.chat(pair).headers


def test_openrouters_fields_choose_and_stay_behind(app: Caller, upstream: Upstream, pair: str) -> None:
    answer = app.chat(pair, provider={"order": ["beta"], "experimental": 1}, models=["named"])
    assert answer.headers["x-headrace-target"].startswith("beta/")
    assert answer.headers["x-headrace-ignored"] == "provider.experimental"
    assert not {"provider", "models"} & set(upstream.seen(pair)[-1].json)


def test_a_guards_limit_is_what_the_upstream_is_asked(make_gateway, upstream: Upstream) -> None:
    document = {
        "providers": {"alpha": provider(f"http://127.0.0.1:{upstream.port}/alpha/v1")},
        "models": {"limited": {"targets": [target("alpha", "limited", price=ALPHA_PRICE)]}},
        "guards": [{"name": "short", "when": "true", "max_tokens": 7}],
    }
    gateway = make_gateway(document).start()
    answer = gateway.caller().chat("limited", max_tokens=500)
    assert answer.headers["x-headrace-max-tokens-lowered"] == "7"
    assert upstream.seen("limited")[-1].json["max_tokens"] == 7
    gateway.stop()
