"""What stands around the measured: the mock upstream's process, and load processes that bring back figures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import install
from benchmarks.child import Child, Cores, pinned
from benchmarks.load.scenario import Scenario
from benchmarks.loopback import free_port, get_json, wait_until_ok
from benchmarks.peers.peer import Peer, Place, Running, clean_environment

Figures = dict[str, float]
_LOAD_LIMIT_S = 90.0


class LoadFailed(Exception):
    """The load generator did not bring figures."""


class Mock:
    """The mock upstream's process."""

    def __init__(self, cores: frozenset[int], folder: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "benchmarks.mock", str(self.port)]
        self._child = Child.start(
            command, cores=cores, log=folder / "mock.log", env=clean_environment(), cwd=install.ROOT
        )
        try:
            wait_until_ok(self._child, self.port, "GET", "/stats", limit_s=15)
        except BaseException:
            self._child.stop()
            raise

    def served(self) -> dict[str, int]:
        stats: dict[str, int] = get_json(self.port, "/stats")
        return stats

    def state(self) -> str:
        return "alive" if self._child.alive else f"gone:\n{self._child.log_tail()}"

    def stop(self) -> None:
        self._child.stop()


@contextmanager
def mock_upstream(cores: Cores) -> Iterator[tuple[Mock, Path]]:
    """A mock of one's own and a folder for files; both gone afterwards."""
    with TemporaryDirectory(prefix="headrace-bench-") as name:
        mock = Mock(cores.rig, Path(name))
        try:
            yield mock, Path(name)
        finally:
            mock.stop()


@contextmanager
def started(peer: Peer, cores: Cores, mock: Mock, folder: Path) -> Iterator[Running]:
    """A peer that answers, and is ended afterwards."""
    running = peer.start(Place(cores.measured, mock.port, folder))
    try:
        yield running
    finally:
        if running.child is not None:
            running.child.stop()


def scenario(running: Running, kind: str, body: bytes) -> Scenario:
    pid = running.child.pid if running.child is not None else None
    return Scenario(kind, running.port, running.path, dict(running.headers), body.decode(), pid)


def load(wanted: Scenario, cores: Cores, limit_s: float = _LOAD_LIMIT_S) -> Figures:
    """Run one scenario in a process of its own, beside the mock. It travels on standard input: bodies are large."""
    command = [sys.executable, "-m", "benchmarks.load"]
    try:
        with pinned(cores.rig):
            done = subprocess.run(
                command,
                cwd=install.ROOT,
                env=clean_environment(),
                input=wanted.to_json(),
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"{wanted.kind}: no end after {limit_s:.0f} s") from error
    if done.returncode != 0:
        raise LoadFailed(f"{wanted.kind}: {done.stderr.strip()[-600:]}")
    figures: Figures = json.loads(done.stdout)
    return figures


def why(error: Exception, running: Running, mock: Mock) -> str:
    """The error, then what may explain it: whether peer and mock still live, and the peer's last lines."""
    if running.child is None:
        return f"{error!r}; mock {mock.state()}"
    peer = "alive" if running.child.alive else "gone"
    return f"{error!r}; peer {peer}; mock {mock.state()}\n{running.child.log_tail()}"
