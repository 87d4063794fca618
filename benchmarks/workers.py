"""Two workers: whether the second costs anything, and ten thousand streams open at once over both.

Workers, mock and load share the two cores, so requests per second say little: the rig takes what a worker could have.
CPU time per request tells what counts: shared locks or caches thrown about would show in it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks import payloads, rig
from benchmarks.child import Cores, DidNotStart
from benchmarks.open_files import streams_within
from benchmarks.peers.headrace import Headrace
from benchmarks.peers.peer import Running
from benchmarks.plan import Plan
from benchmarks.rig import Figures, LoadFailed

_COUNTS = (1, 2)


@dataclass(frozen=True, slots=True)
class Workers:
    """What the section brings. Empty figures and a failure when it did not come to an end."""

    unary: tuple[Figures, ...] = ()
    """Each with `workers` and `round` beside the load's figures."""
    streams: Figures | None = None
    failures: tuple[str, ...] = ()


class TwoWorkers:
    """One worker and two, in turn, a few times; then the streams."""

    def __init__(self, plan: Plan, cores: Cores, open_files: int) -> None:
        self._plan = plan
        self._cores = cores
        self._open_files = open_files

    def measure(self) -> Workers:
        unary: list[Figures] = []
        failures: list[str] = []
        streams: Figures | None = None
        for number in range(1, self._plan.workers_rounds + 1):
            for count in _COUNTS:
                figures, failure = self._with(count, self._unary)
                unary += [{**figures, "workers": count, "round": number}] if figures else []
                failures += [f"{count} workers, round {number}: {failure}"] if failure else []
                print(f"workers    {count}, round {number}/{self._plan.workers_rounds}", file=sys.stderr, flush=True)
        streams, failure = self._with(2, self._streams)
        failures += [f"streams: {failure}"] if failure else []
        return Workers(tuple(unary), streams, tuple(failures))

    def _with(self, count: int, part: Callable[[Running], Figures]) -> tuple[Figures | None, str]:
        try:
            with (
                rig.mock_upstream(self._cores) as (mock, folder),
                rig.started(Headrace(count), self._cores, mock, folder) as running,
            ):
                return part(running), ""
        except (DidNotStart, LoadFailed, OSError) as error:
            return None, str(error) or repr(error)

    def _unary(self, running: Running) -> Figures:
        plan = self._plan
        wanted = rig.scenario(running, "closed_loop", payloads.request_body(plan.request_bytes, running.model))
        many = plan.unary_connections
        return rig.load(
            replace(wanted, connections=many, warmup_s=plan.unary_warmup_s, window_s=plan.workers_window_s), self._cores
        )

    def _streams(self, running: Running) -> Figures:
        plan = self._plan
        streams = streams_within(self._open_files, plan.many_streams, workers=2)
        lasting_s = plan.many_ramp_s + plan.many_window_s + plan.many_tail_s
        chunks = int(lasting_s * plan.many_pace_per_s)
        wanted = rig.scenario(running, "paced", payloads.stream_body(chunks, plan.many_pace_per_s, running.model))
        paced = replace(
            wanted,
            connections=streams,
            ramp_s=plan.many_ramp_s,
            window_s=plan.many_window_s,
            chunks=chunks,
            limit_s=lasting_s,
        )
        return rig.load(paced, self._cores, limit_s=60 + 2 * lasting_s)
