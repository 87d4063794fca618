"""POST /v1/route: the decision for a chat body, explained; nothing is sent."""

import asyncio
import random
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.auth.keys import digest
from gateway.auth.principal import Principal
from gateway.errors import Unauthorized
from gateway.http.explain import explaining_routes
from gateway.http.headers import RequestIds
from gateway.http.middlewares import Rim
from gateway.http.state import STATE
from gateway.stats.health import Health
from gateway.stats.snapshot import Snapshot, TargetStatistics
from gateway.translators import dialects

ADMIN, KEY = "hra-owner", "hr-good"
RULES = """
providers:
  a: {protocol: openai, base_url: "http://a/v1", api_key: sk-secret}
  b: {protocol: openai, base_url: "http://b/v1"}
models:
  m: {targets: [{provider: a, model: m, price: {input: 1, output: 2}}, {provider: b, model: m, priority: 2}]}
  mine: {targets: [{provider: a, model: x}]}
guards: [{name: paid, when: "request.user == 'x'", deny: "not for x"}]
"""


class Keys:
    """Implements what is asked of KeyCache: one key, that may use `m`."""

    def cached(self, secret_hash: str, _: str | None) -> Principal:
        if secret_hash != digest(KEY):
            raise Unauthorized
        return Principal("key_1", "app", models=("m",))


class Told(NamedTuple):
    status: int
    body: Any
    headers: Any


@pytest.fixture
def ask(load_rules):
    table, health = load_rules(RULES), Health(time.monotonic)
    seen = Snapshot({"a/m@a": TargetStatistics(0.5, 1.0, 2.0, 0.01, 9.0)}, {}, time.monotonic())
    equipment = SimpleNamespace(clock=time.monotonic, book=SimpleNamespace(snapshot=seen), health=health)
    pipeline = SimpleNamespace(table=lambda: table, dice=random.Random(1).random, equipment=equipment)
    state = SimpleNamespace(pipeline=pipeline, keys=Keys(), table=lambda: table, body_limit=10_000, cors_origins=())

    async def exchange(path: str, body: Any, key: str | None, more: dict[str, str]) -> Told:
        app = web.Application(middlewares=[Rim(RequestIds(), []).around])
        app[STATE] = state  # type: ignore[misc]
        app.add_routes(explaining_routes(dialects(), digest(ADMIN)))
        headers = {"content-type": "application/json", **more}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        async with TestClient(TestServer(app)) as client:
            content = body if isinstance(body, bytes) else orjson.dumps(body)
            async with client.post(path, data=content, headers=headers) as answer:
                return Told(answer.status, await answer.json(), answer.headers)

    def run(body: Any = None, path: str = "/v1/route", key: str | None = KEY, **headers: str) -> Told:
        whole = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} if body is None else body
        return asyncio.run(exchange(path, whole, key, headers))

    run.health = health
    return run


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/api/v1"])
def test_the_decision_is_told_under_every_prefix(prefix: str, ask) -> None:
    answer = ask(path=f"{prefix}/route")
    assert answer.status == 200
    assert [one["target"] for one in answer.body["candidates"]] == ["a/m@a", "b/m@b"]
    assert answer.body["candidates"][0]["expected_seconds"] == pytest.approx(0.5 + 512 * 0.01)
    assert 0 <= answer.body["statistics_age_seconds"] < 60
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


def test_a_provider_may_be_pinned(ask) -> None:
    assert [one["target"] for one in ask(path="/providers/b/v1/route").body["candidates"]] == ["b/m@b"]


def test_anthropics_form_is_read_under_anthropics_prefix(ask) -> None:
    body = {"model": "m", "max_tokens": 7, "messages": [{"role": "user", "content": "hi"}]}
    assert ask(body, "/anthropic/v1/route").body["max_tokens"] == 7
    assert ask({"model": "m", "input": "hi"}, "/v1/route?dialect=openai_responses").body["decided"] == "m"
    wrong = ask({"model": "m"}, "/v1/route?dialect=latin")
    assert (wrong.status, wrong.body["error"]["param"]) == (400, "dialect")


def test_without_a_good_key_nothing_is_told(ask) -> None:
    assert ask(key=None).status == 401
    assert ask(key="hr-other").status == 401


def test_a_key_is_told_of_its_own_models_only(ask) -> None:
    answer = ask(chat(model="mine"))
    assert answer.status == 200
    assert answer.body["denied"]["code"] == "model_not_allowed"
    assert ask(chat(model="mine"), key=ADMIN).body["decided"] == "mine"


def test_an_operator_is_told_the_prices(ask) -> None:
    assert "price" not in ask().body["candidates"][0]
    told = ask(key=ADMIN).body["candidates"][0]
    assert told["price"]["output"] == 2
    assert told["statistics"]["ttft_p95"] == 1.0
    assert "sk-secret" not in str(told)


def test_a_denial_is_told_with_200(ask) -> None:
    answer = ask(chat(user="x"))
    assert answer.status == 200
    assert answer.body["denied"]["message"] == "not for x (guard 'paid')"


def test_a_target_that_is_left_alone_is_told(ask) -> None:
    ask.health.resting["a/m@a"] = SimpleNamespace(admits=lambda _: False, reopens_at=1e9)
    rejected = ask().body["rejected"]
    assert rejected == [{"target": "a/m@a", "reason": "its circuit is open", "kind": "circuit"}]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (chat(messages=5), 400, "invalid_request"),
        (chat(model="nobody"), 404, "model_not_found"),
        (chat(provider="x"), 400, "invalid_request"),
        (b" " * 10_001, 413, "request_too_large"),
    ],
)
def test_what_can_not_be_asked_is_an_error_as_elsewhere(body: Any, status: int, code: str, ask) -> None:
    # A name that the key may not use is not told apart from one that does not exist.
    key = ADMIN if code == "model_not_found" else KEY
    answer = ask(body, key=key)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
