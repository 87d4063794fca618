"""The gateway as an operator runs it: `headrace serve` in a process of its own, with a data dir that is thrown away.

Whatever stands on stderr is kept, and at the end no secret may be in it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.support.caller import Caller
from tests.support.patience import eventually

ROOT = Path(__file__).resolve().parents[2]
ADMIN_KEY = "hra-test-4pXo0dVb0m1Y6yQ2rH8sT5uJ7wK9zL3c"
UPSTREAM_SECRET = "sk-upstream-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
PROMPT_SECRET = "the-prompt-that-must-stay-out-of-every-log"

Document = dict[str, Any]


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_below(pid: int) -> list[tuple[int, str]]:
    """(pid, name) of a process' children."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended since it was listed
            found.append((int(child), Path(f"/proc/{child}/comm").read_text().strip()))
    return found


def resident_bytes(pid: int) -> int:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Gateway:
    """One gateway. `start` waits until it is ready; `stop` asserts that it went in good order."""

    def __init__(
        self,
        directory: Path,
        rules: Document | str,
        *,
        workers: int = 2,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.rules_path = directory / "routing_rules.yaml"
        self.write_rules(rules)
        self.stderr_path = directory / "stderr.log"
        self.stdout_path = directory / "stdout.log"
        self.secrets = [ADMIN_KEY, UPSTREAM_SECRET, PROMPT_SECRET]
        self.admin = Caller(self.base_url, ADMIN_KEY)
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "PYTHONPATH": str(ROOT),
            "UPSTREAM_SECRET": UPSTREAM_SECRET,
            "HEADRACE_HOST": "127.0.0.1",
            "HEADRACE_PORT": str(self.port),
            "HEADRACE_DATA_DIR": str(directory / "data"),
            "HEADRACE_RULES": str(self.rules_path),
            "HEADRACE_ADMIN_KEY": ADMIN_KEY,
            "HEADRACE_WORKERS": str(workers),
            "HEADRACE_LOG_FORMAT": "json",
            **(environment or {}),
        }
        self.workers = workers

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    def write_rules(self, rules: Document | str) -> None:
        """Replace the routing file in one step, as an editor or a ConfigMap does."""
        text = rules if isinstance(rules, str) else json.dumps(rules, indent=2) + "\n"
        fresh = self.rules_path.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(self.rules_path)

    def start(self) -> Self:
        self.spawn()
        try:
            eventually(self._ready, within_s=20, every_s=0.03, what=f"a gateway ready on port {self.port}")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.stderr[-4000:]}\n{self.stdout_path.read_text()}") from None
        return self

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process and return at once."""
        command = [sys.executable, "-c", "from gateway.cli.main import main; main()", "serve"]  # as `headrace` does
        with self.stderr_path.open("ab") as errors, self.stdout_path.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        return self.process

    def run_to_its_end(self, within_s: float = 20.0) -> tuple[int, str]:
        """Start a gateway that is expected to refuse: its exit status and what it said."""
        process = self.spawn()
        try:
            status = process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return status, self.stderr

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}:\n{self.stderr[-4000:]}"
        try:
            return Caller(self.base_url, None, timeout_s=2).get("/health/ready").status == 200
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def worker_pids(self) -> list[int]:
        """The workers: every child that is not the embedded Valkey."""
        return [pid for pid, name in processes_below(self.pid) if "valkey" not in name]

    def valkey_pids(self) -> list[int]:
        """The embedded Valkey, if there is one at this moment."""
        return [pid for pid, name in processes_below(self.pid) if "valkey" in name]

    def valkey_pid(self) -> int:
        found = self.valkey_pids()
        assert len(found) == 1, f"{len(found)} embedded servers"
        return found[0]

    def key(self, **fields: Any) -> str:
        """A fresh API key's secret."""
        return str(self.create_key(**fields)["key"])

    def create_key(self, **fields: Any) -> dict[str, Any]:
        answer = self.admin.post("/admin/v1/keys", {"name": "a test", **fields})
        assert answer.status == 201, answer.body
        created: dict[str, Any] = answer.json
        self.secrets.append(created["key"])
        return created

    def caller(self, key: str | None = None, **fields: Any) -> Caller:
        """An application: with this key, or with a fresh one."""
        return Caller(self.base_url, key or self.key(**fields))

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self, within_s: float = 15.0) -> None:
        """SIGTERM, a clean exit, and nothing secret in the log."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"SIGTERM did not end the gateway within {within_s} s:\n{self.stderr[-4000:]}"
            ) from None
        assert status == 0, f"exit status {status}:\n{self.stderr[-4000:]}"
        assert not self.left_behind(), "processes outlived the gateway"
        self.assert_no_secret_was_logged()

    def assert_no_secret_was_logged(self) -> None:
        log = self.stderr
        leaked = [secret[:12] + "..." for secret in self.secrets if secret in log]
        assert not leaked, f"on stderr: {leaked}"

    def left_behind(self) -> list[int]:
        """Every process that works in this gateway's directory: an orphaned Valkey has no parent to find it by."""
        inside = str(self.directory.resolve()) + "/"
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _working_directory(path).startswith(inside)]

    def kill(self) -> None:
        """No ceremony: the whole tree at once, for a test that has failed already."""
        running = self.process is not None and self.process.returncode is None
        tree = [pid for pid, _ in processes_below(self.pid)] + [self.pid] if running else []
        for pid in {*tree, *self.left_behind()}:
            with contextlib.suppress(ProcessLookupError):  # it went by itself in the meantime
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(5)


def _working_directory(process: Path) -> str:
    try:
        return str((process / "cwd").readlink()) + "/"
    except OSError:
        return ""
