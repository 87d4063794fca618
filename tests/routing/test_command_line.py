"""`headrace rules`, offline."""

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.rules import app

GOOD = """
providers: {sandbox: {}, openai: {}}
models: {m: {policy: p, targets: [{provider: sandbox, model: m}]}}
policies: {p: {objective: latency, spill: {expected_wait: 3s}}}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def go(text: str | None, *arguments: str):
        file = tmp_path / "rules.yaml"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        return CliRunner().invoke(app, ["check", str(file), *arguments])

    return go


def test_check_says_what_a_good_file_does(run) -> None:
    result = run(GOOD)
    assert result.exit_code == 0
    assert "rules.yaml: ok (" in result.stdout
    assert "provider openai: disabled, OPENAI_API_KEY is not set" in result.stdout
    assert "model m (p): sandbox/m@local" in result.stdout
    assert "note: without effect in this version: policies.p.spill" in result.stdout


def test_check_tells_every_fault_on_stderr_and_fails(run) -> None:
    result = run("version: 2\nmodels: {m: {}}\n")
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert "rules.yaml:1:10: version: must be 1" in lines[0]


def test_check_as_json(run) -> None:
    good = json.loads(run(GOOD, "--json").stdout)
    assert good["ok"] is True
    assert good["models"][0]["targets"] == ["sandbox/m@local"]
    result = run("version: 2\n", "--json")
    assert result.exit_code == 1
    problem = json.loads(result.stdout)["problems"][0]
    assert (problem["line"], problem["column"], problem["where"]) == (1, 10, "version")


def test_a_file_that_is_not_there_is_one_line(run) -> None:
    result = run(None)
    assert result.exit_code == 1
    assert result.stderr.strip().endswith("rules.yaml: can't be read: No such file or directory")


def test_schema_prints_json() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "Headrace routing rules"
