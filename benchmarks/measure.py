"""One peer, one round: start it, take every figure, stop it. The figures are raw; summing up is the report's."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks import payloads, procstat, rig, translation
from benchmarks.child import Cores, DidNotStart
from benchmarks.load.scenario import Scenario
from benchmarks.peers.peer import Peer, Running
from benchmarks.plan import Plan
from benchmarks.rig import Figures, LoadFailed, Mock

_SETTLE_S = 0.3
_WARMUP_S = 0.5


@dataclass(frozen=True, slots=True)
class Round:
    """What one peer did in one round, by kind of load."""

    peer: str
    number: int
    parts: Mapping[str, Figures]
    remark: str = ""
    failure: str = ""


class Bench:
    """Measures peers by one plan, each against a mock of its own, on two cores."""

    def __init__(self, plan: Plan, cores: Cores) -> None:
        self.plan = plan
        self._cores = cores

    def round(self, peer: Peer, number: int) -> Round:
        with rig.mock_upstream(self._cores) as (mock, folder):
            try:
                with rig.started(peer, self._cores, mock, folder) as running:
                    return self._measured(peer, number, running, mock)
            except DidNotStart as error:
                return Round(peer.name, number, {}, failure=str(error))

    def _measured(self, peer: Peer, number: int, running: Running, mock: Mock) -> Round:
        try:
            return Round(peer.name, number, self._parts(peer, running, mock), running.remark)
        except (LoadFailed, OSError) as error:
            return Round(peer.name, number, {}, running.remark, failure=rig.why(error, running, mock))

    def _parts(self, peer: Peer, running: Running, mock: Mock) -> dict[str, Figures]:
        """Idle memory first, then open streams on a warm heap that has not been through a storm, then the storms."""
        plan, most = self.plan, peer.carries.connections
        time.sleep(_SETTLE_S)
        parts = {"idle": _idle(running)}
        self._unary(running, plan.request_bytes, 0.0, _WARMUP_S, 4)
        parts["paced"] = self._paced(running, peer.carries.open_streams)
        parts["rate"] = self._rate(running, peer.carries.rate_per_s)
        parts["burst"] = self._burst(running, peer.carries.burst_chunks, most)
        parts["unary"] = self._unary(running, plan.request_bytes, plan.unary_warmup_s, plan.unary_window_s, most)
        if running.child is not None:  # the bare upstream has no cost of its own, which is all that is asked here
            for name, size in plan.bodies().items():
                parts[name] = self._unary(running, size, plan.body_warmup_s, plan.body_window_s, most)
        if peer.name == "headrace":
            parts["translation"] = {"cpu_us_per_chunk": translation.cpu_us_per_chunk()}
        parts["mock"] = {name: float(count) for name, count in mock.served().items()}
        return parts

    def _unary(self, running: Running, size: int, warmup_s: float, window_s: float, connections: int) -> Figures:
        wanted = rig.scenario(running, "closed_loop", payloads.request_body(size, running.model))
        many = min(connections, self.plan.unary_connections)
        return self._load(replace(wanted, connections=many, warmup_s=warmup_s, window_s=window_s))

    def _rate(self, running: Running, rate_per_s: int) -> Figures:
        plan = self.plan
        wanted = rig.scenario(running, "fixed_rate", payloads.request_body(plan.request_bytes, running.model))
        return self._load(
            replace(wanted, connections=32, rate_per_s=rate_per_s, window_s=plan.rate_window_s, limit_s=5.0)
        )

    def _burst(self, running: Running, chunks: int, most: int) -> Figures:
        plan = self.plan
        wanted = rig.scenario(running, "burst", payloads.stream_body(chunks, 0, running.model))
        return self._load(
            replace(
                wanted,
                connections=min(most, plan.burst_streams),
                ramp_s=0.05,
                chunks=chunks,
                limit_s=plan.burst_limit_s,
            )
        )

    def _paced(self, running: Running, streams: int) -> Figures:
        plan = self.plan
        lasting_s = plan.stream_ramp_s + plan.stream_window_s + plan.stream_tail_s
        chunks = int(lasting_s * plan.stream_pace_per_s)
        body = payloads.stream_body(chunks, plan.stream_pace_per_s, running.model)
        return self._load(
            replace(
                rig.scenario(running, "paced", body),
                connections=streams,
                ramp_s=plan.stream_ramp_s,
                window_s=plan.stream_window_s,
                chunks=chunks,
                limit_s=plan.stream_ramp_s + plan.stream_tail_s + 3.0,
            )
        )

    def _load(self, wanted: Scenario) -> Figures:
        return rig.load(wanted, self._cores)


def _idle(running: Running) -> Figures:
    figures = {"ready_s": running.ready_s}
    if running.child is not None:
        whole = procstat.memory(running.child.pid)
        serving = [process.pss_bytes for process in whole if process.pid in running.workers]
        figures["tree_pss_bytes"] = float(sum(process.pss_bytes for process in whole))
        figures["worker_pss_bytes"] = sum(serving) / max(1, len(serving))
    return figures
