"""Limits and budgets as an application meets them: admitted by all of its accounts or by none, and told the truth."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from tests.support import rules, scripts
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream

COUNTED = scripts.usage(50, 100)
COST = Decimal("0.000035")
"""Of COUNTED at ALPHA_PRICE."""


def budgets(gateway: Gateway, name: str) -> dict[str, Any]:
    rows = gateway.admin.get("/admin/v1/budgets").json["data"]
    return next(row for row in rows if name in (row["name"], row.get("id")))


def test_requests_per_minute_are_held_over_all_workers(gateway: Gateway, model: str) -> None:
    app = gateway.caller(name="rpm", limits={"rpm": 3})
    answers = [app.chat(model) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0", "0"]
    refused = answers[-1]
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["x-should-retry"] == "true"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "3"


def test_tokens_per_minute_are_corrected_by_what_was_used(gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer(counted=scripts.usage(10, 10)))
    app = gateway.caller(name="tpm", limits={"tpm": 1000})
    assert app.chat(model, max_tokens=900).status == 200
    # 900 were set aside and 20 used: the rest is there again.
    assert eventually(lambda: app.chat(model, max_tokens=900).status == 200, within_s=5, what="room for another")


def test_requests_in_flight_are_bounded(gateway: Gateway, upstream: Upstream, model: str) -> None:
    gate = threading.Event()
    upstream.script(model, scripts.held_answer(gate))
    app = gateway.caller(name="two at a time", limits={"concurrency": 2})
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(app.chat, model) for _ in range(4)]
        eventually(lambda: len([each for each in asked if each.done()]) == 2, what="two refusals")
        gate.set()
        answers = [each.result() for each in asked]
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.json["error"]["code"] == "concurrency_exceeded"
    assert app.chat(model).status == 200


def test_a_budget_ends_in_402_that_says_what_was_spent(gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer(counted=COUNTED))
    created = gateway.create_key(name="poor", budget={"usd": "0.0002", "period": "month"})
    app = gateway.caller(created["key"])
    statuses = []
    for _ in range(10):
        answer = app.chat(model, max_tokens=100)
        statuses.append(answer.status)
        if answer.status != 200:
            break
    assert statuses == [200, 200, 200, 200, 402]  # each may cost 0.000086, and costs 0.000035
    error = answer.json["error"]
    assert (error["code"], answer.headers["x-should-retry"]) == ("insufficient_quota", "false")
    assert Decimal(error["metadata"]["limit_usd"]) == Decimal("0.0002")
    assert Decimal(error["metadata"]["spent_usd"]) == 4 * COST
    assert error["metadata"]["resets_at"].endswith("Z")
    row = eventually(
        lambda: (found := budgets(gateway, created["id"]))["reserved_usd"] == "0" and found, what="nothing reserved"
    )
    assert Decimal(row["spent_usd"]) == 4 * COST


def test_what_an_upstream_bills_beyond_its_bound_is_not_the_keys(
    gateway: Gateway, upstream: Upstream, model: str
) -> None:
    upstream.script(model, scripts.answer(counted=scripts.usage(1_000_000, 100)))
    created = gateway.create_key(name="overrun", budget={"usd": "0.0001", "period": "total"})
    assert gateway.caller(created["key"]).chat(model, max_tokens=100).status == 200
    row = eventually(
        lambda: (found := budgets(gateway, created["id"]))["reserved_usd"] == "0" and found, what="nothing reserved"
    )
    assert Decimal("0.00003") < Decimal(row["spent_usd"]) < Decimal("0.0001")


def test_a_teams_budget_is_that_of_all_its_keys(gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer(counted=COUNTED))
    gateway.admin.call("PUT", "/admin/v1/teams/thrifty", {"budget": {"usd": "0.0002", "period": "total"}})
    apps = [gateway.caller(name="one of many", team="thrifty") for _ in range(4)]
    answers = [app.chat(model, max_tokens=100) for app in apps * 2]
    assert sorted(answer.status for answer in answers) == [200] * 4 + [402] * 4
    refused = next(answer for answer in answers if answer.status != 200)
    assert "thrifty" in refused.json["error"]["message"]


def test_a_model_without_a_price_is_refused_where_there_is_a_budget(gateway: Gateway, numbers: Any) -> None:
    name = f"unpriced-{next(numbers)}"
    careful = gateway.caller(name="careful", budget={"usd": 1, "period": "day"})
    refused = careful.chat(name)
    assert (refused.status, refused.json["error"]["code"]) == (403, "no_eligible_target")
    easy = gateway.caller(name="easy", budget={"usd": 1, "period": "day"}, unknown_price="allow")
    assert easy.chat(name).status == 200


def test_a_low_budget_lowers_the_answer_and_says_so(gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.answer(counted=scripts.usage(10, 10)))
    app = gateway.caller(name="lowered", budget={"usd": "0.0004", "period": "total", "on_low": "lower"})
    answer = app.chat(model, max_tokens=100_000)
    assert answer.status == 200
    lowered = int(answer.headers["x-headrace-max-tokens-lowered"])
    assert 1 <= lowered < 1400
    assert upstream.only(model).json["max_tokens"] == lowered


def test_keys_without_limits_have_no_such_headers(app: Caller, model: str) -> None:
    assert not [name for name in app.chat(model).headers if name.startswith("x-ratelimit")]


def test_a_killed_workers_reservation_comes_back(make_gateway: Any, upstream: Upstream) -> None:
    own = make_gateway(rules.minimal(upstream.port, timeouts={"answer": "30s", "total": "60s"}), workers=1).start()
    gate = threading.Event()
    upstream.script("t-reserved", scripts.held_answer(gate))
    created = own.create_key(budget={"usd": 1, "period": "total"})
    with own.caller(created["key"]).open_chat("t-reserved", stream=False, max_tokens=1000):
        reserved = eventually(
            lambda: (found := budgets(own, created["id"]))["reserved_usd"] != "0" and found, what="a reservation"
        )
        assert Decimal(reserved["reserved_usd"]) > Decimal("0.0006")
        os.kill(own.worker_pids()[0], signal.SIGKILL)
        row = eventually(
            lambda: (found := budgets(own, created["id"]))["reserved_usd"] == "0" and found,
            within_s=10,
            every_s=0.1,
            what="nothing reserved",
        )
    # Nobody knows how long the upstream went on: it is charged its bound of output, marked `estimated`.
    assert Decimal("0.0002") < Decimal(row["spent_usd"]) < Decimal(reserved["reserved_usd"])
    gate.set()
    own.stop()
