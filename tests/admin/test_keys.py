"""The admin API for keys, over HTTP."""

import io
import re

import pytest

from gateway.admin.bodies import BudgetBody, check
from gateway.auth.keys import Budget, digest


def test_a_key_is_shown_once_with_everything_that_was_said_of_it(with_operator) -> None:
    body = {
        "name": "app",
        "team": "search",
        "tags": {"env": "prod"},
        "models": ["qwen3-*"],
        "expires_at": "2030-01-01T00:00:00+02:00",
        "allowed_cidrs": ["10.0.0.1", "192.168.1.7/16"],
        "priority": 3,
        "unknown_price": "allow",
        "limits": None,
        "budget": None,
    }

    async def scenario(operator) -> None:
        created = await operator.ask("POST", "/admin/v1/keys", body, status=201)
        assert re.fullmatch(r"hr-[A-Za-z0-9_-]{43}", created["key"])
        assert re.fullmatch(r"key_[0-9a-f]{24}", created["id"])
        assert created["last_four"] == created["key"][-4:]
        assert created["status"] == "active"
        shown = await operator.ask("GET", f"/admin/v1/keys/{created['id']}")
        assert shown == {name: value for name, value in created.items() if name != "key"}
        assert shown["expires_at"] == "2029-12-31T22:00:00Z"
        assert shown["allowed_cidrs"] == ["10.0.0.1/32", "192.168.0.0/16"]
        assert (shown["team"], shown["tags"], shown["models"]) == ("search", {"env": "prod"}, ["qwen3-*"])
        assert "key" not in (await operator.ask("GET", "/admin/v1/keys"))["data"][0]
        assert await operator.keys.find(digest(created["key"])) is not None

    with_operator(scenario)


def test_a_patch_changes_what_it_names_and_null_takes_back(with_operator) -> None:
    async def scenario(operator) -> None:
        created = await operator.ask(
            "POST", "/admin/v1/keys", {"name": "app", "team": "search", "models": ["a"], "expires_at": 2e9}, status=201
        )
        path = f"/admin/v1/keys/{created['id']}"
        changed = await operator.ask("PATCH", path, {"disabled": True, "models": None})
        assert (changed["status"], changed["models"], changed["team"]) == ("disabled", [], "search")
        changed = await operator.ask("PATCH", path, {"disabled": False, "expires_at": None, "team": None})
        assert (changed["status"], changed["expires_at"], changed["team"]) == ("active", None, None)
        assert await operator.ask("PATCH", path, {}) == changed
        assert (await operator.refused("PATCH", path, {"name": None}))["param"] == "name"
        assert (await operator.ask("PATCH", path, {"expires_at": 1}))["status"] == "expired"

    with_operator(scenario)


def test_a_revoked_key_stays_to_be_seen_and_is_not_changed_any_more(with_operator) -> None:
    async def scenario(operator) -> None:
        created = await operator.ask("POST", "/admin/v1/keys", {"name": "app"}, status=201)
        path = f"/admin/v1/keys/{created['id']}"
        revoked = await operator.ask("DELETE", path)
        assert revoked["status"] == "revoked"
        assert revoked["revoked_at"]
        assert await operator.ask("DELETE", path) == revoked
        assert await operator.ask("GET", path) == revoked
        assert (await operator.refused("PATCH", path, {"disabled": False}, status=409))["code"] == "key_revoked"
        assert (await operator.refused("POST", f"{path}/rotate", {}, status=409))["code"] == "key_revoked"

    with_operator(scenario)


def test_a_rotation_gives_a_new_key_and_a_grace_to_the_old_one(with_operator) -> None:
    async def scenario(operator) -> None:
        created = await operator.ask("POST", "/admin/v1/keys", {"name": "app"}, status=201)
        path = f"/admin/v1/keys/{created['id']}/rotate"
        rotated = await operator.ask("POST", path, {"grace": "10m"})
        assert rotated["id"] == created["id"]
        assert rotated["key"] != created["key"]
        assert rotated["rotated_at"]
        assert (await operator.keys.find(digest(created["key"])))[1] is not None
        await operator.ask("POST", path, {"grace": 30})
        await operator.ask("POST", path)  # no body: no grace
        assert await operator.keys.find(digest(created["key"])) is None
        for bad in ("soon", -1, True, 1e30, "9999999h"):
            assert (await operator.refused("POST", path, {"grace": bad}))["param"] == "grace"

    with_operator(scenario)


def test_keys_are_listed_in_pages(with_operator) -> None:
    async def scenario(operator) -> None:
        for number in range(5):
            await operator.ask("POST", "/admin/v1/keys", {"name": f"k{number}"}, status=201)
        first = await operator.ask("GET", "/admin/v1/keys?limit=3")
        assert [key["name"] for key in first["data"]] == ["k4", "k3", "k2"]
        rest = await operator.ask("GET", f"/admin/v1/keys?limit=3&cursor={first['next_cursor']}")
        assert [key["name"] for key in rest["data"]] == ["k1", "k0"]
        assert rest["next_cursor"] is None
        for query in ("limit=0", "limit=x", "limit=501", "cursor=x", "cursor=-1"):
            assert (await operator.refused("GET", f"/admin/v1/keys?{query}"))["param"] == query.partition("=")[0]
        assert (await operator.refused("GET", "/admin/v1/keys?colour=red"))["param"] == "colour"

    with_operator(scenario)


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("name", "", "name"),
        ("name", "x" * 201, "name"),
        ("name", "two\nlines", "name"),
        ("name", " app", "name"),
        ("name", 7, "name"),
        ("team", "", "team"),
        ("team", 7, "team"),
        ("tags", {"Not a name!": "x"}, "tags.Not a name!"),
        ("tags", {"env": 1}, "tags.env"),
        ("tags", ["env"], "tags"),
        ("tags", {f"t{number}": "x" for number in range(33)}, "tags"),
        ("models", "qwen3-*", "models"),
        ("models", ["a", 7], "models[1]"),
        ("models", ["a"] * 201, "models"),
        ("limits", {"rpm": 0}, "limits.rpm"),
        ("limits", {"rpm": 1.5}, "limits.rpm"),
        ("limits", {"rpm": "7"}, "limits.rpm"),
        ("limits", {"rps": 7}, "limits.rps"),
        ("budget", {"usd": 5}, "budget.period"),
        ("budget", {"usd": "free", "period": "day"}, "budget.usd"),
        ("budget", {"usd": -1, "period": "day"}, "budget.usd"),
        ("budget", {"usd": 1e-10, "period": "day"}, "budget.usd"),
        ("budget", {"usd": "1.0000000000000000000000000000000001", "period": "day"}, "budget.usd"),
        ("budget", {"usd": 9_000_001, "period": "day"}, "budget.usd"),
        ("budget", {"usd": True, "period": "day"}, "budget.usd"),
        ("budget", {"usd": 1, "period": "year"}, "budget.period"),
        ("budget", {"usd": 1, "period": "day", "on_low": "beg"}, "budget.on_low"),
        ("budget", {"usd": 1, "period": "day", "alerts": [1.5]}, "budget.alerts[0]"),
        ("budget", {"usd": 1, "period": "day", "reset": 1}, "budget.reset"),
        ("unknown_price", "maybe", "unknown_price"),
        ("priority", "high", "priority"),
        ("disabled", "yes", "disabled"),
        ("expires_at", "tomorrow", "expires_at"),
        ("expires_at", "2030-01-01T00:00:00", "expires_at"),
        ("expires_at", -1, "expires_at"),
        ("expires_at", True, "expires_at"),
        ("expires_at", 1e300, "expires_at"),
        ("allowed_cidrs", ["10.0.0.0/33"], "allowed_cidrs[0]"),
        ("allowed_cidrs", [7], "allowed_cidrs[0]"),
        ("surprise", 1, "surprise"),
        ("s" * 5_000, 1, "s" * 100),
    ],
)
def test_a_bad_field_is_named_by_its_path(with_operator, field, value, param) -> None:
    async def scenario(operator) -> None:
        error = await operator.refused("POST", "/admin/v1/keys", {"name": "app", field: value})
        assert (error["code"], error["param"]) == ("invalid_request", param)
        assert len(error["message"]) < 500
        assert not (await operator.keys.list())[0]

    with_operator(scenario)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"limits": {"rpm": 60, "tpm": 100_000, "concurrency": 4}}, {"rpm": 60, "tpm": 100_000, "concurrency": 4}),
        (
            {"budget": {"usd": "12.000000001", "period": "month", "on_low": "lower", "alerts": [0.8, 1]}},
            {"usd": 12.000000001, "period": "month", "on_low": "lower", "alerts": [0.8, 1.0]},
        ),
        ({"unknown_price": "refuse"}, "refuse"),
    ],
)
def test_limits_and_budgets_are_kept_as_they_were_given(with_operator, fields, shown) -> None:
    async def scenario(operator) -> None:
        created = await operator.ask("POST", "/admin/v1/keys", {"name": "app"} | fields, status=201)
        (name,) = fields
        assert created[name] == shown
        patched = await operator.ask("PATCH", f"/admin/v1/keys/{created['id']}", {name: None})
        assert patched[name] is None
        again = await operator.ask("PATCH", f"/admin/v1/keys/{created['id']}", fields)
        assert again[name] == shown

    with_operator(scenario)


def test_credits_top_up_a_budget_for_all_time_and_no_other(with_operator) -> None:
    async def scenario(operator) -> None:
        total = {"name": "app", "budget": {"usd": 5, "period": "total"}}
        key = await operator.ask("POST", "/admin/v1/keys", total, status=201)
        credited = await operator.ask("POST", f"/admin/v1/keys/{key['id']}/credits", {"usd": "2.5", "note": "thanks"})
        assert credited["budget"]["usd"] == 7.5
        month = {"name": "app", "budget": {"usd": 5, "period": "month"}}
        other = await operator.ask("POST", "/admin/v1/keys", month, status=201)
        error = await operator.refused("POST", f"/admin/v1/keys/{other['id']}/credits", {"usd": 1}, status=409)
        assert error["code"] == "no_credits"

    with_operator(scenario)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"name"',
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"priority": ' + b"9" * 10_000 + b"}",
        b"\x00",
    ],
)
def test_what_is_not_a_json_object_is_refused(with_operator, body) -> None:
    async def scenario(operator) -> None:
        answer = await operator.client.post(
            "/admin/v1/keys",
            data=body,
            headers={"authorization": "Bearer hra-test", "content-type": "application/json"},
        )
        assert answer.status == 400
        error = (await answer.json())["error"]
        assert error["code"] in ("invalid_json", "invalid_request")
        assert len(error["message"]) < 200
        await operator.ask("GET", "/admin/v1/keys")

    with_operator(scenario)


def test_a_body_past_all_bounds_is_refused(with_operator) -> None:
    async def scenario(operator) -> None:
        answer = await operator.client.post(
            "/admin/v1/keys", data=io.BytesIO(b" " * (5 << 20)), headers={"authorization": "Bearer hra-test"}
        )
        assert answer.status == 413

    with_operator(scenario)


@pytest.mark.parametrize("key", [None, "", "hra-wrong", "hra-tes", "hr-app"])
def test_only_the_admin_key_opens_any_route_and_every_other_gets_one_answer(with_operator, key) -> None:
    async def scenario(operator) -> None:
        for route in operator.client.app.router.routes():
            if route.method == "HEAD":
                continue
            path = re.sub(r"\{\w+\}", "key_x", str(route.resource.canonical))
            error = await operator.refused(route.method, path, status=401, key=key)
            assert error["code"] == "invalid_api_key"
        assert await operator.ask("GET", "/admin/v1/keys", key=None, headers={"x-api-key": "hra-test"})

    with_operator(scenario)


def test_an_unknown_key_is_404(with_operator) -> None:
    async def scenario(operator) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            error = await operator.refused(
                method, "/admin/v1/keys/key_nope", {} if method == "PATCH" else None, status=404
            )
            assert error["code"] == "key_not_found"

    with_operator(scenario)


@pytest.mark.parametrize(("usd", "nano"), [("0.1", 10**8), ("9000000", 9 * 10**15), (3, 3 * 10**9), ("1e-9", 1)])
def test_a_budget_is_kept_in_whole_nano_dollars(usd, nano) -> None:
    body = check(BudgetBody, {"usd": usd, "period": "month", "alerts": [1]})
    assert body.value() == Budget(nano, "month", "reject", (1.0,))
