"""Headrace as a user starts it, one worker unless told otherwise: keys, routing, metering, embedded Redis included."""

import json
import secrets
import sys
from importlib import metadata

from benchmarks import install, payloads, procstat
from benchmarks.child import Child, DidNotStart
from benchmarks.loopback import call, free_port, wait_until_ok
from benchmarks.peers.peer import SHARED_RATES, Capacity, Place, Running, await_chat, clean_environment

# Three targets on one upstream: the policy has something to choose from, and the first is the cheapest.
_RULES = """
version: 1
providers:
  mock: {{protocol: openai, base_url: "http://127.0.0.1:{mock}/v1", api_key: x}}
models:
  {model}:
    targets:
      - {{provider: mock, model: {model}, price: {{input: 0.10, output: 0.30}}}}
      - {{provider: mock, model: {model}-b, price: {{input: 0.20, output: 0.60}}}}
      - {{provider: mock, model: {model}-c, price: {{input: 0.40, output: 1.20}}}}
    policy: cheapest
policies:
  cheapest: {{objective: cost}}
"""
_LIMITS = {"limits": {"rpm": 100_000_000, "tpm": 1_000_000_000_000}, "budget": {"usd": 1_000_000, "period": "total"}}


class Headrace:
    name = "headrace"
    does = "key checked, body parsed, cheapest of three targets chosen, every attempt journalled and booked in Redis"
    carries = Capacity(rates_per_s=SHARED_RATES)

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers

    def prepare(self) -> str:
        if not (install.ROOT / "gateway" / "__main__.py").is_file():
            raise install.Unavailable("gateway/__main__.py does not exist yet")
        try:
            return metadata.version("headrace")
        except metadata.PackageNotFoundError:
            return "of this tree"

    def start(self, place: Place) -> Running:
        port, admin_key = free_port(), f"hra-{secrets.token_urlsafe(32)}"
        rules = place.folder / "routing_rules.yaml"
        rules.write_text(_RULES.format(mock=place.mock_port, model=payloads.MODEL))
        env = clean_environment(
            HEADRACE_PORT=str(port),
            HEADRACE_WORKERS=str(self._workers),
            HEADRACE_DATA_DIR=str(place.folder / "data"),
            HEADRACE_RULES=str(rules),
            HEADRACE_ADMIN_KEY=admin_key,
            HEADRACE_DRAIN_TIMEOUT="2s",
        )
        command = [sys.executable, "-m", "gateway", "serve"]
        log = place.folder / "headrace.log"
        child = Child.start(command, cores=place.cores, log=log, env=env, cwd=install.ROOT)
        try:
            ready_s = wait_until_ok(child, port, "GET", "/health/ready", limit_s=30)
            key, remark = _make_key(port, admin_key)
            headers = {"authorization": f"Bearer {key}"}
            await_chat(child, port, headers, limit_s=45)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, headers=headers, workers=_workers(child), remark=remark)


def _make_key(port: int, admin_key: str) -> tuple[str, str]:
    """A key with limits far from exhausted; one without, and said so, from a version that does not know limits yet."""
    asked: dict[str, object] = {"name": "bench", **_LIMITS}
    status, answer = _post_key(port, admin_key, asked)
    remark = "key with rpm, tpm and budget"
    if status in (400, 422):
        status, answer = _post_key(port, admin_key, {"name": "bench"})
        remark = "key without limits: this version refuses them"
    if status != 201:
        raise DidNotStart(f"POST /admin/v1/keys answered {status}: {answer[:300]!r}")
    key: str = json.loads(answer)["key"]
    return key, remark


def _post_key(port: int, admin_key: str, body: dict[str, object]) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {admin_key}"}
    return call(port, "POST", "/admin/v1/keys", headers=headers, body=json.dumps(body).encode())


def _workers(child: Child) -> list[int]:
    """The forked workers: descendants that are neither the parent nor the embedded Redis."""
    family = procstat.tree(child.pid)[1:]
    return [pid for pid in family if "valkey" not in procstat.command(pid) and "redis" not in procstat.command(pid)]
