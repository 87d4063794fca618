"""The ledger adds up: to the token and to the nano-dollar, against what the provider itself counted."""

import json
from decimal import Decimal

import pytest

from tests.support import scripts
from tests.support.books import all_requests, entry, usage_of_key, usage_rows
from tests.support.caller import Caller
from tests.support.gateway import PROMPT_SECRET, Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream

COUNTED = scripts.usage(1000, 200, cached=300, reasoning=50)
COST_NANO = 700 * 100 + 300 * 50 + 150 * 300 + 50 * 700
"""Of COUNTED at ALPHA_PRICE (tests/support/rules.py): input, cached, output, reasoning."""


@pytest.mark.parametrize("stream", [False, True])
def test_token_classes_never_overlap_and_each_has_its_price(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str, *, stream: bool
) -> None:
    upstream.script(model, scripts.stream(counted=COUNTED) if stream else scripts.answer(counted=COUNTED))
    answer = app.chat(model, stream=stream)
    found = entry(gateway, answer.headers["x-request-id"])
    attempt = found["attempts"][0]
    assert attempt["input_tokens"] == 700
    assert attempt["cached_input_tokens"] == 300
    assert attempt["output_tokens"] == 150
    assert attempt["reasoning_tokens"] == 50
    assert attempt["source"] == "provider"
    assert attempt["cost_nano"] == COST_NANO
    assert Decimal(str(attempt["cost_usd"])) == Decimal(COST_NANO).scaleb(-9)


def test_a_record_says_who_what_where_and_how_it_went(gateway: Gateway, upstream: Upstream, model: str) -> None:
    created = gateway.create_key(name="who", team="search", tags={"env": "test"})
    answer = gateway.caller(created["key"]).chat(model)
    found = entry(gateway, answer.headers["x-request-id"])
    assert created["id"] in (found.get("key"), found.get("key_id"))
    assert found["team"] == "search"
    assert found["tags"] == {"env": "test"}
    assert found["status"] == 200
    assert found["outcome"] == "ok"
    attempt = found["attempts"][0]
    assert attempt["provider"] == "alpha"
    assert attempt["target"] == f"alpha/{model}@127.0.0.1:{upstream.port}"
    assert attempt["state"] == "complete"
    assert attempt["duration_s"] >= 0
    assert answer.headers["x-headrace-rules"] in json.dumps(found)


def test_an_unknown_price_is_unknown_and_never_zero(app: Caller, gateway: Gateway, model: str) -> None:
    answer = app.chat(f"unpriced-{model}")
    assert answer.status == 200
    assert "x-headrace-cost-usd" not in answer.headers or answer.headers["x-headrace-cost-usd"] == "unknown"
    attempt = entry(gateway, answer.headers["x-request-id"])["attempts"][0]
    assert attempt["cost_nano"] is None
    assert attempt["output_tokens"] == 5


def test_usage_adds_up_by_every_group(gateway: Gateway, upstream: Upstream, model: str) -> None:
    created = gateway.create_key(name="sums", team=f"team-{model}", tags={"env": f"env-{model}"})
    app = gateway.caller(created["key"])
    upstream.script(model, scripts.answer(counted=COUNTED))
    for _ in range(3):
        assert app.chat(model).status == 200
    upstream.script(model, scripts.openai_error(500, "oops", type_="server_error"))
    assert app.chat(model).status == 502

    row = usage_of_key(gateway, created["id"], lambda row: row["requests"] == 4)
    by_group = {
        "key": row,
        "team": next(r for r in usage_rows(gateway, "team") if r["team"] == f"team-{model}"),
        "tag:env": next(r for r in usage_rows(gateway, "tag:env") if f"env-{model}" in r.values()),
        "target": next(r for r in usage_rows(gateway, "target") if r["target"].startswith(f"alpha/{model}@")),
    }
    for group, found in by_group.items():
        # A failed attempt that the provider may have billed is estimated and so may add input; it adds no output.
        assert (found["requests"], found["attempts"], found["errors"]) == (4, 4, 1), group
        assert found["input_tokens"] >= 3 * 700, group
        assert found["cached_input_tokens"] == 3 * 300, group
        assert found["output_tokens"] == 3 * 150, group
        assert found["reasoning_tokens"] == 3 * 50, group
        assert Decimal(str(found["cost_usd"])) >= Decimal(3 * COST_NANO).scaleb(-9), group


def test_the_sum_of_costs_is_exact(gateway: Gateway, upstream: Upstream, model: str) -> None:
    created = gateway.create_key(name="pennies")
    app = gateway.caller(created["key"])
    upstream.script(model, scripts.answer(counted=scripts.usage(1, 1)))
    for _ in range(7):
        app.chat(model)
    row = usage_of_key(gateway, created["id"], lambda row: row["requests"] == 7)
    assert Decimal(str(row["cost_usd"])) == Decimal(7 * 400).scaleb(-9)
    assert row["errors"] == 0


def test_groups_can_be_combined(gateway: Gateway, upstream: Upstream, pair: str) -> None:
    created = gateway.create_key(name="combined")
    app = gateway.caller(created["key"])
    upstream.script(pair, scripts.openai_error(503, "busy", type_="server_error"))
    for _ in range(2):
        assert app.chat(pair).status == 200
    usage_of_key(gateway, created["id"], lambda row: row["attempts"] == 4)
    rows = [
        row for row in usage_rows(gateway, "key,provider,day") if created["id"] in (row.get("key"), row.get("key_id"))
    ]
    found = {row["provider"]: (row["requests"], row["attempts"]) for row in rows}
    # A request counts once, where it ended.
    assert found == {"alpha": (0, 2), "beta": (2, 2)}
    assert all(row["day"] for row in rows)


def test_a_bad_grouping_is_refused_by_name(gateway: Gateway) -> None:
    answer = gateway.admin.get("/admin/v1/usage?group_by=colour")
    assert answer.status == 400
    assert "colour" in answer.error["message"]


def test_a_stream_whose_provider_counts_nothing_is_estimated(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    words = scripts.words(*"abcdef")
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *words, scripts.FINISH, scripts.DONE))
    answer = app.chat(model, stream=True)
    attempt = entry(gateway, answer.headers["x-request-id"])["attempts"][0]
    assert attempt["source"] == "estimated"
    assert attempt["output_tokens"] == 6
    assert attempt["input_tokens"] > 0


def test_what_never_reached_an_upstream_costs_nothing(app: Caller, gateway: Gateway) -> None:
    answer = app.chat("only-dead")
    attempt = entry(gateway, answer.headers["x-request-id"])["attempts"][0]
    assert attempt["cost_nano"] == 0 or attempt["cost_nano"] is None
    assert attempt["input_tokens"] == attempt["output_tokens"] == 0


def test_requests_are_listed_newest_first_in_pages(app: Caller, gateway: Gateway, model: str) -> None:
    ids = [app.chat(model).headers["x-request-id"] for _ in range(5)]
    entry(gateway, ids[-1])

    def page_through() -> list[str]:
        found: list[str] = []
        cursor = ""
        while len(found) < 40:
            listing = gateway.admin.get(f"/admin/v1/requests?limit=2{cursor and '&cursor=' + cursor}").json
            assert len(listing["data"]) <= 2
            found += [row["id"] for row in listing["data"]]
            cursor = listing.get("next_cursor") or ""
            if not cursor:
                break
        return [each for each in found if each in ids]

    eventually(lambda: page_through() == ids[::-1], what="five requests, newest first")


def test_an_unknown_request_is_404(gateway: Gateway) -> None:
    assert gateway.admin.get("/admin/v1/requests/nothing-like-this").status == 404


def test_no_prompt_and_no_completion_is_kept(app: Caller, gateway: Gateway, upstream: Upstream, model: str) -> None:
    said = "an-answer-that-must-not-be-kept"
    upstream.script(model, scripts.answer(scripts.completion(said, scripts.usage())))
    answer = app.chat(model, messages=[{"role": "user", "content": PROMPT_SECRET}])
    assert said in answer.body.decode()
    found = json.dumps(entry(gateway, answer.headers["x-request-id"]))
    assert PROMPT_SECRET not in found
    assert said not in found
    assert said not in gateway.stderr
    kept = b"".join(path.read_bytes() for path in (gateway.directory / "data").rglob("*") if path.is_file())
    assert PROMPT_SECRET.encode() not in kept
    assert said.encode() not in kept
    assert app.key
    assert app.key.encode() not in kept


def test_a_request_id_used_twice_hides_no_request(gateway: Gateway, upstream: Upstream, model: str) -> None:
    """Callers choose their ids, badly at times: the sums must not depend on it, and keys must not meet in one entry."""
    one, two = gateway.create_key(name="one"), gateway.create_key(name="two")
    repeated = {"x-request-id": f"same-{model}"}
    for created in (one, one, two):
        assert gateway.caller(created["key"]).chat(model, headers=repeated).status == 200
    assert usage_of_key(gateway, one["id"], lambda row: row["requests"] == 2)["output_tokens"] == 10
    assert usage_of_key(gateway, two["id"], lambda row: row["requests"] == 1)["output_tokens"] == 5
    rows = [row for row in all_requests(gateway) if row["id"] == f"same-{model}"]
    assert sum(len(row["attempts"]) for row in rows) == 3
    assert all(len({attempt.get("key", row.get("key")) for attempt in row["attempts"]}) == 1 for row in rows)
