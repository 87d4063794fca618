"""Teams and budgets from the command line."""

import json


def test_a_team_is_created_shown_listed_and_revoked(running) -> None:
    running.run("teams", "create", "search", "--rpm", "60", "--budget-usd", "100")
    shown = json.loads(running.run("teams", "show", "search", "--json").stdout)
    assert (shown["limits"]["rpm"], shown["budget"]["usd"], shown["budget"]["period"]) == (60, 100, "month")
    assert "search" in running.run("teams", "list").stdout
    assert "search" in running.run("budgets", "list").stdout
    running.run("teams", "revoke", "search")
    assert "team_not_found" in running.run("teams", "show", "search", status=1).stderr


def test_the_organisations_budget_is_set_and_taken_back(running) -> None:
    running.run("budgets", "update", "--budget-usd", "1000", "--budget-period", "total")
    assert json.loads(running.run("budgets", "show", "--json").stdout)["budget"]["usd"] == 1000
    running.run("budgets", "revoke")
    assert json.loads(running.run("budgets", "show", "--json").stdout)["budget"] is None
