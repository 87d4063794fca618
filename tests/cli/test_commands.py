"""What a person types, what is printed, and how it ends."""

import json

import pytest

from tests.cli.conftest import headrace

NOWHERE = "http://127.0.0.1:1"


def test_the_life_of_a_key(running) -> None:
    created = running.run(
        "keys", "create", "app", "--team", "search", "--tag", "env=prod", "--model", "qwen3-*,fast",
        "--expires-at", "2030-01-01T00:00:00Z", "--allowed-cidr", "10.0.0.0/8", "--json",
    )  # fmt: skip
    key = json.loads(created.stdout)
    assert key["key"].startswith("hr-")
    assert "shown this once" in created.stderr
    assert (key["team"], key["tags"], key["models"]) == ("search", {"env": "prod"}, ["qwen3-*", "fast"])

    assert f"id\t{key['id']}\n" in running.run("keys", "show", key["id"]).stdout
    changed = json.loads(running.run("keys", "update", key["id"], "--disabled", "--clear", "team", "--json").stdout)
    assert (changed["status"], changed["team"], changed["tags"]) == ("disabled", None, {"env": "prod"})
    assert json.loads(running.run("keys", "update", key["id"], "--enabled", "--json").stdout)["status"] == "active"
    rotated = json.loads(running.run("keys", "rotate", key["id"], "--grace", "10m", "--json").stdout)
    assert rotated["key"] != key["key"]
    assert "status\trevoked\n" in running.run("keys", "revoke", key["id"]).stdout
    refused = running.run("keys", "rotate", key["id"], status=1)
    assert "key_revoked" in refused.stderr
    assert not refused.stdout


def test_a_listing_is_tab_separated_in_a_pipe_and_json_where_asked(running) -> None:
    for number in range(3):
        running.run("keys", "create", "--name", f"listed {number}")
    lines = [line.split("\t") for line in running.run("keys", "list").stdout.splitlines()]
    assert lines[0][:3] == ["id", "name", "status"]
    assert [line[1] for line in lines[1:4]] == ["listed 2", "listed 1", "listed 0"]
    assert all(len(line) == len(lines[0]) for line in lines)
    listed = json.loads(running.run("keys", "list", "--limit", "2", "--json").stdout)
    assert [key["name"] for key in listed["data"]] == ["listed 2", "listed 1"]
    assert listed["next_cursor"]
    assert "hr-" not in running.run("keys", "list", "--json").stdout


def test_what_the_gateway_refuses_is_told_on_stderr(running) -> None:
    assert "limits.rpm" in running.run("keys", "create", "app", "--rpm", "0", status=1).stderr
    assert "budget.usd" in running.run("keys", "create", "app", "--budget-usd", "much", status=1).stderr
    assert "key_not_found" in running.run("keys", "show", "key_nope", status=1).stderr
    assert "key_not_found" in running.run("keys", "show", "../usage", status=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "frobnicate"),
        ("keys", "create"),
        ("keys", "create", "app", "--name", "app"),
        ("keys", "create", "app", "--tag", "env"),
        ("keys", "create", "app", "--on-low", "lower"),
        ("keys", "update", "key_x"),
        ("keys", "update", "key_x", "--clear", "name"),
        ("keys", "rotate", "key_x", "--grace", "soon"),
        ("requests", "list", "--limit", "0"),
        ("usage", "--colour", "red"),
    ],
)
def test_wrong_usage_ends_with_2(running, arguments) -> None:
    assert not running.run(*arguments, status=2).stdout


def test_usage_shows_groups_and_figures(running) -> None:
    running.ledger.rows = [
        {"model": "small", "provider": "acme", "requests": 2, "attempts": 3, "errors": 0, "cost_usd": 0.000000125}
    ]
    head, row = (line.split("\t") for line in running.run("usage").stdout.splitlines())
    shown = dict(zip(head, row, strict=True))
    assert (shown["model"], shown["requests"], shown["cost_usd"]) == ("small", "2", "0.000000125")
    running.run("usage", "--from", "2026-11-01", "--to", "2026-11-02", "--group-by", "key,tag:env", "--json")
    assert running.ledger.asked[-1][2] == ("key", "tag:env")
    assert "group_by" in running.run("usage", "--by", "colour", status=1).stderr


def test_requests_are_listed_and_shown_with_their_attempts(running) -> None:
    running.ledger.rows = [{"id": "r1", "model": "small", "attempts": [{"target": "a"}, {"target": "b"}]}]
    assert json.loads(running.run("requests", "list", "--json").stdout)["data"][0]["id"] == "r1"
    assert "r1" in running.run("requests", "list").stdout
    assert running.run("requests", "show", "r1").stdout == "id\tr1\nmodel\tsmall\n\ntarget\na\nb\n"
    assert json.loads(running.run("requests", "show", "r1", "--json").stdout)["attempts"]
    assert "request_not_found" in running.run("requests", "show", "r2", status=1).stderr


def test_a_listing_cannot_speak_to_the_terminal(running) -> None:
    running.ledger.rows = [{"id": "r1", "model": "\x1b[2J\tx\n"}]
    assert "\\x1b[2J\\tx\\n" in running.run("requests", "list").stdout


@pytest.mark.parametrize(("noun", "word"), [("providers", "acme"), ("models", "fast"), ("targets", "acme/small-v2")])
def test_what_the_routing_file_says_is_listed(running, noun, word) -> None:
    assert word in running.run(noun, "list").stdout
    assert word in json.dumps(json.loads(running.run(noun, "list", "--json").stdout)["data"])


def test_on_the_same_machine_the_data_dir_says_where_and_with_which_key(running, tmp_path) -> None:
    running.environment = {"HEADRACE_DATA_DIR": str(tmp_path)}
    assert "HEADRACE_ADMIN_KEY" in running.run("keys", "list", status=1).stderr
    (tmp_path / "admin_key").write_text("hra-test\n")
    (tmp_path / "gateway.json").write_text(json.dumps({"url": running.url}))
    running.run("keys", "list")
    (tmp_path / "gateway.json").write_text("{}")
    assert "gateway.json" in running.run("keys", "list", status=1).stderr


def test_a_gateway_that_is_not_there_is_told_in_one_line() -> None:
    done = headrace("keys", "list", environment={"HEADRACE_URL": NOWHERE, "HEADRACE_ADMIN_KEY": "hra-x"})
    assert done.exit_code == 1
    assert NOWHERE in done.stderr
    assert "headrace serve" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hra-x" not in done.stderr


def test_a_wrong_admin_key_is_told(running) -> None:
    running.environment["HEADRACE_ADMIN_KEY"] = "hra-wrong"
    assert "HEADRACE_ADMIN_KEY" in running.run("keys", "list", status=1).stderr


def test_a_bad_setting_ends_with_2() -> None:
    done = headrace("keys", "list", environment={"HEADRACE_URL": "gateway.example"})
    assert done.exit_code == 2
    assert "HEADRACE_URL" in done.stderr
