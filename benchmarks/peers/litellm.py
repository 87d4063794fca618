"""LiteLLM's proxy with one worker and a master key, no database: the incumbent, as lean as it runs."""

import json

from benchmarks import install, payloads
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import Capacity, Place, Running, await_chat, clean_environment

_LOCK = install.LOCKS / "litellm.txt"
_KEY = "sk-bench-litellm"


class LiteLLM:
    name = "litellm"
    does = "master key checked, model looked up, answers parsed and rebuilt; no database, no spend kept, logs off"
    carries = Capacity(open_streams=40, rate_per_s=40, burst_chunks=60, rounds=1)

    def __init__(self) -> None:
        self._folder = install.ROOT

    def prepare(self) -> str:
        python = install.venv("litellm", _LOCK, "LiteLLM's proxy")
        self._folder = python.parent
        return install.version(python, "litellm")

    def start(self, place: Place) -> Running:
        port = free_port()
        config = place.folder / "litellm.json"  # JSON is YAML
        upstream = {
            "model": f"openai/{payloads.MODEL}",
            "api_base": f"http://127.0.0.1:{place.mock_port}/v1",
            "api_key": "x",
        }
        config.write_text(
            json.dumps(
                {
                    "model_list": [{"model_name": payloads.MODEL, "litellm_params": upstream}],
                    "general_settings": {"master_key": _KEY},
                    "litellm_settings": {"telemetry": False, "set_verbose": False},
                }
            )
        )
        command = [str(self._folder / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        # Its price table comes from the package: otherwise it asks a server on the internet at every start.
        env = clean_environment(
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            LITELLM_LOG="ERROR",
            LITELLM_MODE="PRODUCTION",
            LITELLM_TELEMETRY="False",
        )
        log = place.folder / "litellm.log"
        child = Child.start([*command, "--num_workers", "1"], cores=place.cores, log=log, env=env, cwd=place.folder)
        headers = {"authorization": f"Bearer {_KEY}"}
        try:
            ready_s = await_chat(child, port, headers)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, headers=headers, workers=[child.pid])
