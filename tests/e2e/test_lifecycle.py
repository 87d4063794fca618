"""Start, reload, drain, stop: what an operator does to a gateway under traffic."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeGateway
from tests.support import rules, scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Document, Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream

PATIENT = {"answer": "30s", "first_token": "30s", "between_tokens": "30s"}


def exited(gateway: Gateway, within_s: float = 10.0) -> int:
    assert gateway.process is not None
    return gateway.process.wait(within_s)


def is_ready(gateway: Gateway) -> bool:
    try:
        return Caller(gateway.base_url, None, timeout_s=2).get("/health/ready").status == 200
    except OSError:
        return False


def test_a_stop_finishes_what_is_in_flight_and_then_ends_by_itself(
    upstream: Upstream, make_gateway: MakeGateway, model: str
) -> None:
    gateway = make_gateway(rules.minimal(upstream.port, timeouts=PATIENT)).start()
    app = gateway.caller()
    gate = threading.Event()
    words = scripts.words("before ", "after")
    upstream.script(model, scripts.stream(*words, gate=gate))
    with app.open_chat(model) as one, app.open_chat(model) as two, app.wire() as idle:
        idle.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.answer().status == 200
        for wire in (one, two):
            assert wire.head()[0] == 200
        eventually(lambda: len(upstream.seen(model)) == 2)
        gateway.signal(signal.SIGTERM)
        eventually(lambda: not is_ready(gateway), what="not ready any more")
        with pytest.raises(subprocess.TimeoutExpired):
            exited(gateway, 0.3)
        gate.set()
        for wire in (one, two):
            received = b"".join(wire.pieces())
            assert received == scripts.stream_text(*words)
    assert exited(gateway) == 0
    gateway.assert_no_secret_was_logged()


def test_an_idle_gateway_stops_at_once(upstream: Upstream, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rules.minimal(upstream.port)).start()
    with gateway.admin.wire() as idle:
        idle.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.answer().status == 200
        children = [*gateway.worker_pids(), gateway.valkey_pid()]
        started = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert exited(gateway) == 0
        assert time.monotonic() - started < 5
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()], "children were left behind"


def test_what_outlives_the_drain_timeout_is_ended_with_an_error_event(
    upstream: Upstream, make_gateway: MakeGateway, model: str
) -> None:
    environment = {"HEADRACE_DRAIN_TIMEOUT": "1s"}
    gateway = make_gateway(rules.minimal(upstream.port, timeouts=PATIENT), environment=environment).start()
    app = gateway.caller()
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("never ending"), then="hang"))
    with app.open_chat(model) as wire:
        assert wire.head()[0] == 200
        gateway.signal(signal.SIGTERM)
        received = b"".join(wire.pieces())
    assert b"never ending" in received
    assert b'"error"' in received
    assert b"[DONE]" not in received
    assert exited(gateway) == 0


def test_a_stop_finishes_a_whole_answer_too(upstream: Upstream, make_gateway: MakeGateway, model: str) -> None:
    gateway = make_gateway(rules.minimal(upstream.port, timeouts=PATIENT)).start()
    app = gateway.caller()
    gate = threading.Event()
    upstream.script(model, scripts.held_answer(gate))
    with app.open_chat(model, stream=False) as wire:
        upstream.only(model)
        gateway.signal(signal.SIGTERM)
        eventually(lambda: not is_ready(gateway), what="not ready any more")
        gate.set()
        assert wire.answer().status == 200
    assert exited(gateway) == 0


def test_during_the_drain_delay_new_callers_are_still_served(
    upstream: Upstream, make_gateway: MakeGateway, model: str
) -> None:
    """A load balancer needs a moment to see that the gateway is going; nobody it still sends may be refused."""
    gateway = make_gateway(rules.minimal(upstream.port), environment={"HEADRACE_DRAIN_DELAY": "1500ms"}).start()
    app = gateway.caller()
    gateway.signal(signal.SIGTERM)
    eventually(lambda: Caller(gateway.base_url, None).get("/health/ready").status == 503, within_s=1)
    assert Caller(gateway.base_url, None).get("/health/live").status == 200
    assert {app.chat(model).status for _ in range(6)} == {200}
    assert exited(gateway) == 0
    with pytest.raises(OSError, match="refused"):
        app.chat(model)


def test_a_restart_keeps_keys_and_ledger(upstream: Upstream, make_gateway: MakeGateway, model: str) -> None:
    gateway = make_gateway(rules.minimal(upstream.port)).start()
    app = gateway.caller()
    request_id = app.chat(model).headers["x-request-id"]
    gateway.stop()  # at once: what has not reached the ledger yet must not be lost
    gateway.start()
    assert app.chat(model).status == 200
    assert entry(gateway, request_id)["attempts"][0]["output_tokens"] == 5
    gateway.stop()


def alpha_and(upstream: Upstream, provider: str) -> Document:
    document = rules.minimal(upstream.port, timeouts=PATIENT)
    document["providers"][provider] = rules.provider(upstream.base_url(provider))
    document["models"]["moved"] = {"targets": [rules.target(provider, "x")]}
    return document


@pytest.fixture
def own(upstream: Upstream, make_gateway: MakeGateway) -> Gateway:
    return make_gateway(alpha_and(upstream, "one")).start()


def provider_of(app: Caller, model: str = "moved") -> str:
    return str(app.chat(model).headers.get("x-headrace-target", "")).split("/")[0]


def everywhere(app: Caller, provider: str) -> bool:
    return {provider_of(app) for _ in range(10)} == {provider}


@pytest.mark.parametrize("told", [False, True])
def test_a_changed_file_takes_effect_on_every_worker(own: Gateway, upstream: Upstream, *, told: bool) -> None:
    app = own.caller()
    assert everywhere(app, "one")
    own.write_rules(alpha_and(upstream, "two"))
    if told:
        own.signal(signal.SIGHUP)
    eventually(lambda: everywhere(app, "two"), within_s=4, what="the new file in force")
    own.stop()


def test_a_bad_file_leaves_the_last_good_one_in_force_and_says_where(own: Gateway, upstream: Upstream) -> None:
    app = own.caller()
    good = own.rules_path.read_text()
    own.write_rules(good.replace('"targets"', '"targtes"'))
    eventually(lambda: "targtes" in own.stderr, what="a log line about the bad file")
    line = next(line for line in own.stderr.splitlines() if "targtes" in line)
    assert re.search(r"routing_rules\.yaml:\d+:\d+", line)
    assert "targets" in line
    assert everywhere(app, "one")

    def last_reload() -> str:
        text = Caller(own.base_url, None).get("/metrics").body.decode()
        return str(re.findall(r"^headrace_rules_last_reload_successful(?:\{.*\})? (\S+)", text, re.MULTILINE)[0])

    eventually(lambda: float(last_reload()) == 0, what="the metric of a failed reload")
    own.write_rules(alpha_and(upstream, "two"))
    eventually(lambda: everywhere(app, "two"), within_s=4, what="a good file after a bad one")
    eventually(lambda: float(last_reload()) == 1, what="the metric of a good reload")
    own.stop()


def test_a_reload_drops_no_stream(own: Gateway, upstream: Upstream, model: str) -> None:
    app = own.caller()
    gate = threading.Event()
    words = scripts.words("under the old ", "file")
    upstream.script(model, scripts.stream(*words, gate=gate))
    with app.open_chat(model) as wire:
        assert wire.head()[0] == 200
        own.write_rules({**alpha_and(upstream, "two"), "models": {"moved": {"targets": [rules.target("two", "x")]}}})
        eventually(lambda: everywhere(app, "two"), within_s=4)
        assert app.chat(model).status == 404
        gate.set()
        assert b"".join(wire.pieces()) == scripts.stream_text(*words)
    own.stop()


def said_in_one_line(text: str, *parts: str) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    for part in parts:
        assert part in lines[0], lines[0]


def test_a_second_start_on_the_same_data_dir_stops_with_one_line(
    own: Gateway, upstream: Upstream, make_gateway: MakeGateway
) -> None:
    second = make_gateway(
        rules.minimal(upstream.port), environment={"HEADRACE_DATA_DIR": own.environment["HEADRACE_DATA_DIR"]}
    )
    status, text = second.run_to_its_end()
    assert status != 0
    said_in_one_line(text, own.environment["HEADRACE_DATA_DIR"])
    assert is_ready(own)
    own.stop()


def test_a_taken_port_stops_the_start_with_one_line(
    own: Gateway, upstream: Upstream, make_gateway: MakeGateway
) -> None:
    status, text = make_gateway(rules.minimal(upstream.port), port=own.port).run_to_its_end()
    assert status != 0
    said_in_one_line(text, str(own.port))
    assert is_ready(own)
    own.stop()


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("HEADRACE_WORKERS", "many", "HEADRACE_WORKERS"),
        ("HEADRACE_PORT", "99999", "HEADRACE_PORT"),
        ("HEADRACE_WROKERS", "2", "HEADRACE_WROKERS"),
        ("HEADRACE_JOURNAL", "tape", "HEADRACE_JOURNAL"),
        ("HEADRACE_RULES", "no-such-file.yaml", "no-such-file.yaml"),
        ("HEADRACE_REDIS_URL", "mysql://x", "HEADRACE_REDIS_URL"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(
    upstream: Upstream, make_gateway: MakeGateway, name: str, value: str, part: str
) -> None:
    status, text = make_gateway(rules.minimal(upstream.port), environment={name: value}).run_to_its_end()
    assert status != 0
    said_in_one_line(text, part)


def test_a_setting_may_stand_in_a_file(upstream: Upstream, make_gateway: MakeGateway, tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("1\n")
    gateway = make_gateway(
        rules.minimal(upstream.port), environment={"HEADRACE_WORKERS_FILE": str(tmp_path / "workers")}
    )
    del gateway.environment["HEADRACE_WORKERS"]
    gateway.start()
    assert len(gateway.worker_pids()) == 1
    gateway.stop()


def test_a_bad_file_at_the_start_says_line_and_column(upstream: Upstream, make_gateway: MakeGateway) -> None:
    broken = "version: 1\nproviders:\n  alpha: {protocol: openai, base_url: 'http://x/v1', surprise: 1}\nmodels: {}\n"
    status, text = make_gateway(broken).run_to_its_end()
    assert status != 0
    assert re.search(r"routing_rules\.yaml:3:\d+", text)
    assert "surprise" in text
    assert "Traceback" not in text


def test_ctrl_c_stops_it_as_well(upstream: Upstream, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rules.minimal(upstream.port)).start()
    gateway.signal(signal.SIGINT)
    assert exited(gateway) == 0


def test_a_dead_worker_is_replaced(own: Gateway, model: str) -> None:
    app = own.caller()
    victim = own.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in own.worker_pids() and len(own.worker_pids()) == 2, what="a new worker")
    assert {app.chat(model).status for _ in range(20)} == {200}
    metrics = Caller(own.base_url, None).get("/metrics").body.decode()
    assert re.search(r"^headrace_worker_restarts_total(?:\{.*\})? 1(?:\.0)?$", metrics, re.MULTILINE)
    own.stop()


def test_metrics_can_be_locked_and_health_cannot(upstream: Upstream, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rules.minimal(upstream.port), environment={"HEADRACE_METRICS_KEY": "scrape-me"}).start()
    gateway.secrets.append("scrape-me")
    assert Caller(gateway.base_url, None).get("/metrics").status == 401
    assert Caller(gateway.base_url, "scrape-me").get("/metrics").status == 200
    assert Caller(gateway.base_url, None).get("/health/live").status == 200
    gateway.stop()
