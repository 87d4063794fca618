"""Latency against rate: one pass over those who can carry most of the rates, each started once."""

from dataclasses import dataclass, replace

from benchmarks import payloads, rig
from benchmarks.child import Cores, DidNotStart
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan
from benchmarks.rig import Figures, LoadFailed

_WARMUP_S = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One peer's latencies, in the order of its rates."""

    peer: str
    points: tuple[Figures, ...]
    failure: str = ""

    def carried(self) -> list[Figures]:
        """Rates at which every request was answered: of the others, only the lucky requests have a latency."""
        return [point for point in self.points if not point["errors"]]

    def drowned(self) -> list[Figures]:
        return [point for point in self.points if point["errors"]]


class Sweep:
    """Fixed rates, whether earlier requests are answered or not; rises until the peer or the rig is at its end."""

    def __init__(self, plan: Plan, cores: Cores) -> None:
        self._plan = plan
        self._cores = cores

    def line(self, peer: Peer) -> Line:
        points: list[Figures] = []
        try:
            with (
                rig.mock_upstream(self._cores) as (mock, folder),
                rig.started(peer, self._cores, mock, folder) as running,
            ):
                body = payloads.request_body(self._plan.request_bytes, running.model)
                warm_up = rig.scenario(running, "closed_loop", body)
                rig.load(replace(warm_up, connections=4, window_s=_WARMUP_S), self._cores)
                wanted = rig.scenario(running, "fixed_rate", body)
                for rate in peer.carries.rates_per_s:
                    at_rate = replace(
                        wanted, connections=256, rate_per_s=rate, window_s=self._plan.sweep_window_s, limit_s=5.0
                    )
                    points.append(rig.load(at_rate, self._cores))
        except (DidNotStart, LoadFailed, OSError) as error:
            return Line(peer.name, tuple(points), str(error) or repr(error))
        return Line(peer.name, tuple(points))
