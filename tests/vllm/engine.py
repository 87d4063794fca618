"""The real vLLM engine, serving our tiny scripted Qwen3-MoE on the CPU, and what it counts."""

import os
import re
import signal
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Self

from tests.support.caller import Caller
from tests.support.gateway import ROOT, free_port
from tests.support.patience import eventually

MODEL = "qwen3-30b-a3b"
CONTEXT_WINDOW = 2048
ENGINE_KEY = "vllm-engine-key-4c1f9b7e2d80a653"
SLOTS = 8
"""Requests that run at once; further ones queue."""

_SAMPLE = re.compile(r"^(vllm:\w+)(?:\{.*\})? (\S+)$", re.MULTILINE)
_FLAGS = [
    *("--host", "127.0.0.1", "--served-model-name", MODEL, "--api-key", ENGINE_KEY),
    *("--max-model-len", str(CONTEXT_WINDOW), "--max-num-seqs", str(SLOTS)),
    *("--reasoning-parser", "qwen3", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    *("--enforce-eager", "--enable-prompt-tokens-details", "--enable-request-id-headers", "--shutdown-timeout", "20"),
    # A model without sense fills a schema with blank lines wherever the grammar lets it.
    *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
]
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_HOST_IP": "127.0.0.1",  # else the engine announces the machine's own address
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; unset, it takes a share of all memory
    "TORCHDYNAMO_DISABLE": "1",  # else the first request with logprobs compiles for many seconds
}


class Engine:
    """One `vllm serve`. Ready after 25 to 70 seconds; takes 2.6 GB."""

    def __init__(self, venv: Path, directory: Path, *flags: str) -> None:
        self.venv = venv
        self.directory = directory
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.direct = Caller(self.base_url, ENGINE_KEY, timeout_s=60)
        """An application that goes past the gateway."""
        self._flags = flags
        self._log_path = directory / "engine.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Make the model, start the engine, wait for one real token: a healthy /health alone proves nothing."""
        model = self.directory / "model"
        maker = ROOT / "scripts" / "make_tiny_qwen3.py"
        subprocess.run([self.venv / "bin" / "python", maker, model], check=True, stdout=subprocess.DEVNULL)
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [self.venv / "bin" / "vllm", "serve", model, "--port", str(self.port), *_FLAGS, *self._flags],
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **_ENVIRONMENT},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._healthy, within_s=300, every_s=0.5, what="a healthy engine")
        warm = self.direct.chat(MODEL, max_tokens=1)
        assert warm.status == 200, warm.body
        return self

    def _healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the engine ended with {self._process.returncode}:\n{self.log[-6000:]}"
        try:
            return Caller(self.base_url, None, timeout_s=5).get("/health").status == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def metrics(self) -> dict[str, float]:
        """Its own counters and gauges, each summed over its labels."""
        sums: defaultdict[str, float] = defaultdict(float)
        for name, value in _SAMPLE.findall(self.direct.get("/metrics").body.decode()):
            sums[name] += float(value)
        return dict(sums)

    def running(self) -> int:
        """Requests that it is working on."""
        return int(self.metrics()["vllm:num_requests_running"])

    def is_idle(self) -> bool:
        numbers = self.metrics()
        return numbers["vllm:num_requests_running"] + numbers["vllm:num_requests_waiting"] == 0

    def terminate(self) -> None:
        """SIGTERM, and no waiting."""
        assert self._process is not None
        self._process.terminate()

    def stop(self) -> None:
        """SIGTERM; what is still there after that goes by force. The session is ours, so the group is its own."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
