"""One peer, one round: start it, take every figure, stop it. The figures are raw; summing up is the report's."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import install, payloads, procstat
from benchmarks.child import Child, Cores, DidNotStart, pinned
from benchmarks.load.scenario import Scenario
from benchmarks.loopback import free_port, get_json, wait_until_ok
from benchmarks.peers.peer import Peer, Place, Running, clean_environment
from benchmarks.plan import Plan

Figures = dict[str, float]
_SETTLE_S = 0.3
_WARMUP_S = 0.5
_LOAD_LIMIT_S = 90


@dataclass(frozen=True, slots=True)
class Round:
    """What one peer did in one round, by kind of load."""

    peer: str
    number: int
    parts: Mapping[str, Figures]
    remark: str = ""
    failure: str = ""


class LoadFailed(Exception):
    """The load generator did not bring figures."""


class Mock:
    """The mock upstream's process."""

    def __init__(self, core: int, folder: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "benchmarks.mock", str(self.port)]
        self._child = Child.start(
            command, core=core, log=folder / "mock.log", env=clean_environment(), cwd=install.ROOT
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


class Bench:
    """Measures peers by one plan, each against a mock of its own, on two cores."""

    def __init__(self, plan: Plan, cores: Cores) -> None:
        self._plan = plan
        self._cores = cores

    def round(self, peer: Peer, number: int) -> Round:
        with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name:
            folder = Path(name)
            mock = Mock(self._cores.rig, folder)
            try:
                running = peer.start(Place(self._cores.measured, mock.port, folder))
            except DidNotStart as error:
                mock.stop()
                return Round(peer.name, number, {}, failure=str(error))
            try:
                return Round(peer.name, number, self._parts(peer, running, mock), running.remark)
            except (LoadFailed, OSError) as error:
                return Round(peer.name, number, {}, running.remark, failure=_why(error, running, mock))
            finally:
                if running.child is not None:
                    running.child.stop()
                mock.stop()

    def _parts(self, peer: Peer, running: Running, mock: Mock) -> dict[str, Figures]:
        """Idle memory first, then open streams on a warm heap that has not been through a storm, then the storms."""
        time.sleep(_SETTLE_S)
        parts = {"idle": _idle(running)}
        self._warm_up(running)
        parts["paced"] = self._paced(running, peer.carries.open_streams)
        parts["rate"] = self._rate(running, peer.carries.rate_per_s)
        parts["burst"] = self._burst(running, peer.carries.burst_chunks)
        parts["unary"] = self._unary(running)
        parts["mock"] = {name: float(count) for name, count in mock.served().items()}
        return parts

    def _unary(self, running: Running) -> Figures:
        plan = self._plan
        scenario = _scenario(running, "closed_loop", _unary_body(plan))
        return self._load(
            replace(
                scenario,
                connections=plan.unary_connections,
                warmup_s=plan.unary_warmup_s,
                window_s=plan.unary_window_s,
            )
        )

    def _warm_up(self, running: Running) -> None:
        scenario = _scenario(running, "closed_loop", _unary_body(self._plan))
        self._load(replace(scenario, connections=4, window_s=_WARMUP_S))

    def _rate(self, running: Running, rate_per_s: int) -> Figures:
        plan = self._plan
        scenario = _scenario(running, "fixed_rate", _unary_body(plan))
        return self._load(
            replace(scenario, connections=32, rate_per_s=rate_per_s, window_s=plan.rate_window_s, limit_s=5.0)
        )

    def _burst(self, running: Running, chunks: int) -> Figures:
        plan = self._plan
        scenario = _scenario(running, "burst", payloads.stream_body(chunks, 0))
        return self._load(
            replace(
                scenario,
                connections=plan.burst_streams,
                ramp_s=0.05,
                chunks=chunks,
                limit_s=plan.burst_limit_s,
            )
        )

    def _paced(self, running: Running, streams: int) -> Figures:
        plan = self._plan
        lasting_s = plan.stream_ramp_s + plan.stream_window_s + plan.stream_tail_s
        chunks = int(lasting_s * plan.stream_pace_per_s)
        scenario = _scenario(running, "paced", payloads.stream_body(chunks, plan.stream_pace_per_s))
        return self._load(
            replace(
                scenario,
                connections=streams,
                ramp_s=plan.stream_ramp_s,
                window_s=plan.stream_window_s,
                chunks=chunks,
                limit_s=plan.stream_ramp_s + plan.stream_tail_s + 3.0,
            )
        )

    def _load(self, scenario: Scenario) -> Figures:
        """Run one scenario in a process of its own, beside the mock."""
        command = [sys.executable, "-m", "benchmarks.load", scenario.to_json()]
        try:
            with pinned(self._cores.rig):
                done = subprocess.run(
                    command,
                    cwd=install.ROOT,
                    env=clean_environment(),
                    capture_output=True,
                    text=True,
                    timeout=_LOAD_LIMIT_S,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"{scenario.kind}: no end after {_LOAD_LIMIT_S} s") from error
        if done.returncode != 0:
            raise LoadFailed(f"{scenario.kind}: {done.stderr.strip()[-600:]}")
        figures: Figures = json.loads(done.stdout)
        return figures


def _why(error: Exception, running: Running, mock: Mock) -> str:
    """The error, then what may explain it: whether peer and mock still live, and the peer's last lines."""
    if running.child is None:
        return f"{error!r}; mock {mock.state()}"
    peer = "alive" if running.child.alive else "gone"
    return f"{error!r}; peer {peer}; mock {mock.state()}\n{running.child.log_tail()}"


def _scenario(running: Running, kind: str, body: bytes) -> Scenario:
    pid = running.child.pid if running.child is not None else None
    return Scenario(kind, running.port, running.path, dict(running.headers), body.decode(), pid)


def _unary_body(plan: Plan) -> bytes:
    return payloads.request_body(plan.request_bytes)


def _idle(running: Running) -> Figures:
    figures = {"ready_s": running.ready_s}
    if running.child is not None:
        whole = procstat.memory(running.child.pid)
        serving = [process.pss_bytes for process in whole if process.pid in running.workers]
        figures["tree_pss_bytes"] = float(sum(process.pss_bytes for process in whole))
        figures["worker_pss_bytes"] = sum(serving) / max(1, len(serving))
    return figures
