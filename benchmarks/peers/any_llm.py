"""any-llm's gateway with a key of its own and SQLite: what comes nearest to ours in what it keeps, in Python."""

import json
import secrets

from benchmarks import install, payloads
from benchmarks.child import Child, DidNotStart
from benchmarks.loopback import call, free_port, wait_until_ok
from benchmarks.peers.peer import Capacity, Place, Running, await_chat, clean_environment

_LOCK = install.LOCKS / "any-llm.txt"
_MODEL = f"openai:{payloads.MODEL}"


class AnyLLM:
    name = "any-llm"
    # Its pool holds fifteen database connections, a stream keeps one, and who waits for one holds up everybody.
    does = "key looked up and touched in SQLite, answers parsed and rebuilt, usage written to SQLite; no limits"
    carries = Capacity(open_streams=4, rate_per_s=4, burst_chunks=20, connections=4, rounds=1)

    def __init__(self) -> None:
        self._folder = install.ROOT

    def prepare(self) -> str:
        python = install.venv("any-llm", _LOCK, "any-llm's gateway")
        self._folder = python.parent
        return install.version(python, "any-llm-sdk")

    def start(self, place: Place) -> Running:
        port, master = free_port(), secrets.token_urlsafe(24)
        config = place.folder / "any-llm.json"  # JSON is YAML
        upstream = {"api_key": "x", "api_base": f"http://127.0.0.1:{place.mock_port}/v1"}
        settings = {
            "database_url": f"sqlite:///{place.folder}/any-llm.db",
            "master_key": master,
            "bootstrap_api_key": False,
            "providers": {"openai": upstream},
            "pricing": {_MODEL: {"input_price_per_million": 0.1, "output_price_per_million": 0.3}},
        }
        config.write_text(json.dumps(settings))
        where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--log-level", "40"]
        command = [str(self._folder / "any-llm-gateway"), "serve", "--config", str(config), *where]
        log = place.folder / "any-llm.log"
        child = Child.start(command, cores=place.cores, log=log, env=clean_environment(), cwd=place.folder)
        try:
            wait_until_ok(child, port, "GET", "/health", limit_s=60)
            headers = {"authorization": f"Bearer {_make_key(port, master)}"}
            ready_s = await_chat(child, port, headers, model=_MODEL)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, headers=headers, workers=[child.pid], model=_MODEL)


def _make_key(port: int, master: str) -> str:
    headers = {"authorization": f"Bearer {master}"}
    status, answer = call(port, "POST", "/v1/keys", headers=headers, body=b'{"key_name": "bench"}')
    if status != 200:
        raise DidNotStart(f"POST /v1/keys answered {status}: {answer[:300]!r}")
    key: str = json.loads(answer)["key"]
    return key
