"""`headrace` against a running gateway, which it finds through the data dir."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.gateway import ROOT, UPSTREAM_SECRET, Gateway


def headrace(gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = ("PATH", "HOME", "PYTHONPATH", "HEADRACE_DATA_DIR", "HEADRACE_ADMIN_KEY")
    environment = {name: gateway.environment[name] for name in known}
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, env=environment, cwd=gateway.directory, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "list"),
        ("usage",),
        ("requests", "list"),
        ("providers", "list"),
        ("models", "list"),
        ("targets", "list"),
    ],
)
def test_listings_are_json_when_asked(gateway: Gateway, app: Caller, arguments: tuple[str, ...]) -> None:
    assert app.chat("named").status == 200
    done = headrace(gateway, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_a_listing_in_a_pipe_is_plain_text(gateway: Gateway, app: Caller) -> None:
    assert app.chat("named").status == 200
    done = headrace(gateway, "requests", "list")
    assert done.returncode == 0
    assert "alpha" in done.stdout
    assert "\x1b[" not in done.stdout


def test_a_provider_without_its_key_is_shown_as_switched_off(gateway: Gateway) -> None:
    done = headrace(gateway, "providers", "list", "--json")
    listed = json.loads(done.stdout)
    rows = {row["name"]: row for row in (listed["data"] if isinstance(listed, dict) else listed)}
    assert "NOBODY_SETS_THIS" in json.dumps(rows["unset"])
    assert "NOBODY_SETS_THIS" not in json.dumps(rows["alpha"])
    assert UPSTREAM_SECRET not in done.stdout


def test_the_life_of_a_key(gateway: Gateway, model: str) -> None:
    created = headrace(gateway, "keys", "create", "--name", "from the shell", "--json")
    assert created.returncode == 0, created.stderr
    key = json.loads(created.stdout)
    gateway.secrets.append(key["key"])
    assert gateway.caller(key["key"]).chat(model).status == 200
    assert "from the shell" in headrace(gateway, "keys", "show", key["id"]).stdout
    assert headrace(gateway, "keys", "revoke", key["id"]).returncode == 0
    again = headrace(gateway, "keys", "show", "key_nope")
    assert again.returncode == 1
    assert again.stderr
    assert "Traceback" not in again.stderr


def test_wrong_usage_is_2(gateway: Gateway) -> None:
    assert headrace(gateway, "keys", "frobnicate").returncode == 2


def test_rules_are_checked_without_a_gateway(gateway: Gateway, tmp_path: Path) -> None:
    good = headrace(gateway, "rules", "check", str(ROOT / "routing_rules.yaml"))
    assert good.returncode == 0, good.stderr + good.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nmodels:\n  m: {targets: [{provider: nobody, model: m}]}\n")
    refused = headrace(gateway, "rules", "check", str(bad))
    assert refused.returncode == 1
    assert "bad.yaml:3:" in refused.stderr + refused.stdout
    assert "nobody" in refused.stderr + refused.stdout


def test_the_schema_is_json_schema(gateway: Gateway) -> None:
    schema = json.loads(headrace(gateway, "rules", "schema").stdout)
    assert "providers" in schema["properties"]
