"""The long run (`--long`): is a worker's memory flat over very many requests, and callers who hang up?"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks import payloads, procstat, rig
from benchmarks.child import Cores, DidNotStart
from benchmarks.load.scenario import Scenario
from benchmarks.peers.headrace import Headrace
from benchmarks.peers.peer import Running
from benchmarks.plan import Plan
from benchmarks.rig import LoadFailed

_CONNECTIONS = 64
_ABORTED_CHUNKS = 200
_SLOWEST_S = 0.004
"""Per request or abort, on a busy machine: bounds a leg."""


@dataclass(frozen=True, slots=True)
class Course:
    """A worker's memory, leg by leg; the first look is after a warm-up of one leg."""

    kind: str
    per_leg: int
    pss_bytes: tuple[int, ...]
    errors: int
    failure: str = ""

    @property
    def swing(self) -> float:
        """The farthest that any later look lies from the first, as a share of it."""
        return swing(self.pss_bytes)


def swing(looks: Sequence[float]) -> float:
    if len(looks) < 2:
        return 0.0
    return max((abs(look / looks[0] - 1) for look in looks[1:]), default=0.0)


class LongRun:
    """One gateway for each kind: what one kind leaves behind must not blur the other's picture."""

    def __init__(self, plan: Plan, cores: Cores) -> None:
        self._plan = plan
        self._cores = cores

    def measure(self) -> list[Course]:
        plan = self._plan
        kinds = (("counted", plan.long_requests), ("aborts", plan.long_aborts))
        return [self._course(kind, count) for kind, count in kinds if count]

    def _course(self, kind: str, count: int) -> Course:
        per_leg = max(1, count // self._plan.long_legs)
        looks: list[int] = []
        errors = 0
        try:
            with (
                rig.mock_upstream(self._cores) as (mock, folder),
                rig.started(Headrace(), self._cores, mock, folder) as running,
            ):
                wanted = self._scenario(running, kind, per_leg)
                for leg in range(self._plan.long_legs + 1):
                    figures = rig.load(wanted, self._cores, limit_s=wanted.limit_s + 30)
                    errors += int(figures["errors"])
                    looks.append(_worker_pss(running))
                    print(f"long run   {kind}, leg {leg}/{self._plan.long_legs}", file=sys.stderr, flush=True)
        except (DidNotStart, LoadFailed, OSError) as error:
            return Course(kind, per_leg, tuple(looks), errors, str(error) or repr(error))
        return Course(kind, per_leg, tuple(looks), errors)

    def _scenario(self, running: Running, kind: str, per_leg: int) -> Scenario:
        if kind == "aborts":
            body = payloads.stream_body(_ABORTED_CHUNKS, self._plan.stream_pace_per_s, running.model)
        else:
            body = payloads.request_body(self._plan.request_bytes, running.model)
        wanted = rig.scenario(running, kind, body)
        return replace(wanted, connections=_CONNECTIONS, count=per_leg, limit_s=30 + per_leg * _SLOWEST_S)


def _worker_pss(running: Running) -> int:
    sizes = [process.pss_bytes for pid in running.workers for process in procstat.memory(pid)]
    return sum(sizes)
