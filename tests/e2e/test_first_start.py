"""A stranger's first minutes: nothing configured, the file at the root of the repository, what the start prints."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeGateway
from tests.support import rules, scripts
from tests.support.caller import Caller, chat_body
from tests.support.gateway import ROOT, Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream

SHIPPED = (ROOT / "routing_rules.yaml").read_text()
CHAT = "/v1/chat/completions"


@pytest.fixture
def bare(make_gateway: MakeGateway) -> Gateway:
    """The shipped file, and not one provider's key in the environment."""
    gateway = make_gateway(SHIPPED)
    for name in ("HEADRACE_ADMIN_KEY", "UPSTREAM_SECRET", "HEADRACE_LOG_FORMAT"):
        del gateway.environment[name]
    return gateway.start()


def printed(gateway: Gateway) -> str:
    eventually(lambda: "curl" in gateway.stdout_path.read_text(), what="a line to paste")
    return gateway.stdout_path.read_text()


def first_key(gateway: Gateway) -> str:
    return str(re.findall(r"hr-[A-Za-z0-9_-]{43}", printed(gateway))[0])


def test_with_nothing_configured_the_sandbox_stands_in(bare: Gateway) -> None:
    app = Caller(bare.base_url, first_key(bare))
    listed = {model["id"] for model in app.get("/v1/models").json["data"]}
    assert {"qwen3-30b-a3b", "qwen3-235b-a22b"} <= listed
    for name in ("qwen3-30b-a3b", "qwen3-235b-a22b", "fast", "smart"):
        answer = app.chat(name)
        assert answer.status == 200, answer.body
        assert answer.headers["x-headrace-target"].startswith("sandbox/")
        assert "sandbox" in answer.json["choices"][0]["message"]["content"].lower()
    assert app.chat("fast", stream=True).events[-1] == b"[DONE]"
    bare.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_printed_line_works_as_pasted(bare: Gateway) -> None:
    said = printed(bare)
    command = said[said.index("curl ") :].split("\n\n")[0]
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert '"chat.completion"' in done.stdout
    bare.stop()


def test_a_named_engine_takes_the_sandboxs_place(upstream: Upstream, make_gateway: MakeGateway) -> None:
    environment = {"VLLM_BASE_URL": upstream.base_url("engine"), "VLLM_API_KEY": "sk-engine-secret"}
    gateway = make_gateway(SHIPPED, environment=environment)
    gateway.secrets.append("sk-engine-secret")
    gateway.start()
    upstream.script("qwen3-30b-a3b", scripts.as_asked(), provider="engine")
    app = gateway.caller()
    for stream in (False, True):
        answer = app.chat("qwen3-30b-a3b", stream=stream)
        assert answer.status == 200, answer.body
        assert answer.headers["x-headrace-target"].startswith("qwen/")
    exchange = upstream.seen("qwen3-30b-a3b", "engine")[0]
    assert exchange.header("authorization") == "Bearer sk-engine-secret"
    assert "sandbox" not in app.get("/v1/models").body.decode()
    gateway.stop()


def test_the_first_start_prints_what_a_stranger_needs_and_the_second_does_not(
    upstream: Upstream, make_gateway: MakeGateway, model: str
) -> None:
    gateway = make_gateway(rules.minimal(upstream.port))
    del gateway.environment["HEADRACE_ADMIN_KEY"]
    gateway.start()
    said = printed(gateway)
    secret = first_key(gateway)
    assert gateway.base_url in said
    admin_key_path = Path(gateway.environment["HEADRACE_DATA_DIR"]) / "admin_key"
    assert stat.S_IMODE(admin_key_path.stat().st_mode) == 0o600
    admin_key = admin_key_path.read_text().strip()
    assert admin_key in said
    gateway.secrets += [secret, admin_key]
    assert Caller(gateway.base_url, secret).post(CHAT, chat_body(model)).status == 200
    assert Caller(gateway.base_url, admin_key).get("/admin/v1/keys").status == 200
    gateway.stop()
    gateway.stdout_path.write_text("")
    gateway.start()
    again = printed(gateway)
    assert gateway.base_url in again
    assert admin_key not in again
    assert secret not in again
    gateway.stop()


def test_a_command_finds_the_gateway_and_its_key_by_the_data_dir(bare: Gateway) -> None:
    printed(bare)
    environment = {name: bare.environment[name] for name in ("PATH", "HOME", "PYTHONPATH", "HEADRACE_DATA_DIR")}
    command = [sys.executable, "-m", "gateway", "models", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "qwen3-30b-a3b" in done.stdout
    bare.stop()
