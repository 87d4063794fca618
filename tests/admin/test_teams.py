"""Teams and budgets through the admin API."""

LIMITS = {"limits": {"rpm": 60, "tpm": None, "concurrency": 4}, "budget": {"usd": 100, "period": "month"}}


def test_a_team_is_put_by_name_and_putting_it_again_changes_nothing(with_operator) -> None:
    async def scenario(operator) -> None:
        first = await operator.ask("PUT", "/admin/v1/teams/search", LIMITS)
        assert first == await operator.ask("PUT", "/admin/v1/teams/search", LIMITS)
        assert (first["name"], first["scope"]) == ("search", "team")
        assert first["limits"] == {"rpm": 60, "tpm": None, "concurrency": 4}
        assert first["budget"]["usd"] == 100
        assert (first["spent_usd"], first["reserved_usd"]) == ("0", "0")
        assert first["resets_at"].endswith("-01T00:00:00Z")
        assert (await operator.ask("GET", "/admin/v1/teams"))["data"] == [first]
        assert await operator.ask("GET", "/admin/v1/teams/search") == first

    with_operator(scenario)


def test_what_a_team_no_longer_has_is_gone(with_operator) -> None:
    async def scenario(operator) -> None:
        await operator.ask("PUT", "/admin/v1/teams/search", LIMITS)
        changed = await operator.ask("PUT", "/admin/v1/teams/search", {"limits": {"rpm": 5}})
        assert changed["budget"] is None
        await operator.ask("DELETE", "/admin/v1/teams/search")
        error = await operator.refused("GET", "/admin/v1/teams/search", status=404)
        assert error["code"] == "team_not_found"
        await operator.refused("DELETE", "/admin/v1/teams/search", status=404)

    with_operator(scenario)


def test_a_team_body_is_checked(with_operator) -> None:
    async def scenario(operator) -> None:
        error = await operator.refused("PUT", "/admin/v1/teams/search", {"budget": {"usd": -1, "period": "month"}})
        assert error["param"] == "budget.usd"
        error = await operator.refused("PUT", "/admin/v1/teams/search", {"limit": {}})
        assert error["param"] == "limit"

    with_operator(scenario)


def test_every_budget_is_listed_with_what_is_spent(with_operator) -> None:
    async def scenario(operator) -> None:
        await operator.ask("PUT", "/admin/v1/teams/search", LIMITS)
        await operator.ask("PUT", "/admin/v1/budgets/organisation", {"budget": {"usd": 1000, "period": "total"}})
        budget = {"name": "app", "budget": {"usd": "0.5", "period": "day"}}
        key = await operator.ask("POST", "/admin/v1/keys", budget, status=201)
        await operator.ask("POST", "/admin/v1/keys", {"name": "without"}, status=201)
        rows = (await operator.ask("GET", "/admin/v1/budgets"))["data"]
        assert [(row["scope"], row["name"], row["budget"]["usd"]) for row in rows] == [
            ("organisation", "organisation", 1000),
            ("team", "search", 100),
            ("key", "app", 0.5),
        ]
        assert rows[0]["resets_at"] is None
        assert rows[2]["id"] == key["id"]
        error = await operator.refused("PUT", "/admin/v1/budgets/search", {}, status=404)
        assert error["code"] == "budget_not_found"

    with_operator(scenario)
