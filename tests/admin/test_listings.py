"""The rest of the admin API: usage, requests, rules, providers, models, targets."""

import time
from decimal import Decimal

import pytest

from gateway.store.redis import StoreUnavailable

DAY = 86_400


def test_usage_passes_on_period_and_groups(with_operator) -> None:
    async def scenario(operator) -> None:
        operator.ledger.rows = [{"key": "key_a", "requests": 2, "cost_usd": Decimal("0.000000001")}]
        path = "/admin/v1/usage?from=2026-11-01&to=2026-11-02T00:00:00%2B02:00&group_by=key,tag:env,%20day,key"
        answer = await operator.ask("GET", path)
        assert answer == {"data": [{"key": "key_a", "requests": 2, "cost_usd": 1e-9}], "next_cursor": None}
        first = 1_793_491_200.0
        assert operator.ledger.asked == [(first, first + DAY - 7_200, ("key", "tag:env", "day"))]
        await operator.ask("GET", "/admin/v1/usage?to=2026-11-02T00:00:00+02:00")  # a + that was not escaped
        assert operator.ledger.asked[-1][1] == first + DAY - 7_200

    with_operator(scenario)


def test_usage_without_a_period_is_of_the_last_thirty_days(with_operator) -> None:
    async def scenario(operator) -> None:
        await operator.ask("GET", "/admin/v1/usage")
        [(from_, to, groups)] = operator.ledger.asked
        assert abs(to - time.time()) < 60
        assert to - from_ == 30 * DAY
        assert groups == ()

    with_operator(scenario)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("group_by=colour", "group_by"),
        ("group_by=tag:", "group_by"),
        ("group_by=tag:a-b", "group_by"),
        ("from=yesterday", "from"),
        ("to=2026-11-02T00:00:00", "to"),
        ("till=1", "till"),
    ],
)
def test_a_bad_usage_query_is_named(with_operator, query, param) -> None:
    async def scenario(operator) -> None:
        error = await operator.refused("GET", f"/admin/v1/usage?{query}")
        assert error["param"] == param

    with_operator(scenario)


def test_requests_are_listed_and_shown(with_operator) -> None:
    async def scenario(operator) -> None:
        operator.ledger.rows = [{"id": "r1"}, {"id": "r2"}]
        page = await operator.ask("GET", "/admin/v1/requests?limit=1&cursor=c&key=key_a&outcome=ok")
        assert page == {"data": [{"id": "r1"}], "next_cursor": "next"}
        assert operator.ledger.asked == [(1, "c", {"key": "key_a", "model": None, "outcome": "ok"})]
        assert await operator.ask("GET", "/admin/v1/requests/r2") == {"id": "r2"}
        assert (await operator.refused("GET", "/admin/v1/requests/r3", status=404))["code"] == "request_not_found"
        assert (await operator.refused("GET", "/admin/v1/requests?limit=201"))["param"] == "limit"

    with_operator(scenario)


def test_a_store_that_is_away_is_503_and_not_500(with_operator) -> None:
    async def scenario(operator) -> None:
        async def away(*_, **__):
            raise StoreUnavailable("away")

        operator.ledger.usage = away
        assert (await operator.refused("GET", "/admin/v1/usage", status=503))["code"] == "store_unavailable"

    with_operator(scenario)


def test_the_rules_in_force_are_shown_and_managed_by_their_file(with_operator) -> None:
    async def scenario(operator) -> None:
        shown = await operator.ask("GET", "/admin/v1/rules")
        assert shown["text"].startswith("version: 1")
        assert len(shown["hash"]) == 12
        error = await operator.refused("PUT", "/admin/v1/rules", {"text": "version: 1"}, status=409)
        assert error["code"] == "rules_managed_by_file"

    with_operator(scenario)


def test_a_text_can_be_checked_as_it_is_or_in_json(with_operator) -> None:
    async def scenario(operator) -> None:
        good = await operator.ask("POST", "/admin/v1/rules/check", {"rules": "version: 1\n"})
        assert (good["ok"], good["errors"]) == (True, [])
        bad = "version: 1\nmodels:\n  m: {targets: [{provider: nobody, model: m}]}\n"
        headers = {"authorization": "Bearer hra-test", "content-type": "application/yaml"}
        answer = await operator.client.post("/admin/v1/rules/check", data=bad.encode(), headers=headers)
        found = await answer.json()
        assert (answer.status, found["ok"]) == (200, False)
        assert found["errors"][0]["line"] == 3
        assert "nobody" in found["errors"][0]["message"]
        answer = await operator.client.post("/admin/v1/rules/check", data=b"\xff", headers=headers)
        assert answer.status == 400

    with_operator(scenario)


def test_providers_say_why_they_are_disabled_and_show_no_key(with_operator) -> None:
    async def scenario(operator) -> None:
        rows = {row["name"]: row for row in (await operator.ask("GET", "/admin/v1/providers"))["data"]}
        assert rows["acme"]["enabled"]
        assert rows["acme"]["endpoints"][0]["endpoint"] == "llm.acme.example"
        assert not rows["openai"]["enabled"]
        assert "OPENAI_API_KEY" in rows["openai"]["reason"]
        assert "a-secret-of-acme" not in str(rows)

    with_operator(scenario)


def test_models_show_their_aliases_and_targets(with_operator) -> None:
    async def scenario(operator) -> None:
        [model] = (await operator.ask("GET", "/admin/v1/models"))["data"]
        assert (model["name"], model["aliases"]) == ("small", ["fast"])
        assert model["targets"] == ["acme/small-v2@llm.acme.example", "sandbox/small@local"]
        assert model["rejected"][0]["target"] == "openai/gpt-5-mini"

    with_operator(scenario)


def test_targets_show_their_price_and_those_left_out_their_reason(with_operator) -> None:
    async def scenario(operator) -> None:
        rows = (await operator.ask("GET", "/admin/v1/targets"))["data"]
        assert [(row["id"], row["state"]) for row in rows] == [
            ("acme/small-v2@llm.acme.example", "active"),
            ("sandbox/small@local", "active"),
            ("openai/gpt-5-mini", "out"),
        ]
        assert (rows[0]["price"]["input"], rows[0]["price"]["output"]) == (0.25, 1.5)
        assert rows[1]["price"] is None
        assert "OPENAI_API_KEY" in rows[2]["reason"]
        assert "a-secret-of-acme" not in str(rows)

    with_operator(scenario)
