"""What Headrace has set itself, held against a run. No test asserts these: a busy machine must not fail a build.

A bound is a number, or it is drawn from a peer in the same run: then each round's own ratio or difference counts, and
the median of those, since a neighbour who wakes up disturbs both sides of a round alike.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.result import ByRound

_US = "headrace"
BUNCHED_MS = 50.0
"""One interval of the paced streams. Chunks later than that come in bunches that share a wake-up, and look cheap."""


class Bound(Protocol):
    """A way to hold a figure against something."""

    def judge(self, figure: str, rounds: ByRound) -> "Judged | None":
        """None when the run did not bring what it takes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was reached, in the bound's own terms, and how far beyond the bound it lies (below 0: met with room)."""

    reached: str
    bound: str
    excess: float

    @property
    def met(self) -> bool:
        return self.excess <= 0

    def told(self, what: str) -> str:
        return f"{what}: {self.reached}, target {self.bound}: {self.verdict}."

    @property
    def verdict(self) -> str:
        return "met" if self.met else f"MISSED by {100 * self.excess:.0f} %"


@dataclass(frozen=True, slots=True)
class AtMost:
    value: float
    unit: str

    def judge(self, figure: str, rounds: ByRound) -> Judged | None:
        several = rounds.get(_US, {}).get(figure)
        if not several:
            return None
        reached = statistics.median(several.values())
        return Judged(f"{reached:,.1f} {self.unit}", f"at most {self.value:,g}", reached / self.value - 1)


@dataclass(frozen=True, slots=True)
class AtLeast:
    value: float
    unit: str

    def judge(self, figure: str, rounds: ByRound) -> Judged | None:
        several = rounds.get(_US, {}).get(figure)
        if not several:
            return None
        reached = statistics.median(several.values())
        return Judged(f"{reached:,.0f} {self.unit}", f"at least {self.value:,g}", 1 - reached / self.value)


@dataclass(frozen=True, slots=True)
class Times:
    """At most so many times what the best of these peers reached in the same round."""

    factor: float
    peers: Sequence[str]
    name: str

    def judge(self, figure: str, rounds: ByRound) -> Judged | None:
        ratios = _paired(figure, rounds, self.peers, lambda own, best: own / best if best > 0 else None)
        if not ratios:
            return None
        reached = statistics.median(ratios)
        return Judged(f"{reached:.2f} times {self.name}'s", f"at most {self.factor:g} times", reached / self.factor - 1)


@dataclass(frozen=True, slots=True)
class Beyond:
    """At most so much more than a peer had in the same round. A miss is told as a share of what was allowed."""

    more: float
    unit: str
    peer: str

    def judge(self, figure: str, rounds: ByRound) -> Judged | None:
        differences = _paired(figure, rounds, [self.peer], lambda own, base: own - base)
        if not differences:
            return None
        reached = statistics.median(differences)
        bound = f"at most {self.peer}'s + {self.more:g} {self.unit}"
        return Judged(f"{self.peer}'s {reached:+.2f} {self.unit}", bound, reached / self.more - 1)


def _paired(
    figure: str, rounds: ByRound, peers: Sequence[str], combine: Callable[[float, float], float | None]
) -> list[float]:
    """For each round in which we and one of them have the figure: ours with the lowest of theirs."""
    found: list[float] = []
    for number, own in rounds.get(_US, {}).get(figure, {}).items():
        theirs = [several[number] for several in _of(figure, rounds, peers) if number in several]
        value = combine(own, min(theirs)) if theirs else None
        found += [value] if value is not None else []
    return found


def _of(figure: str, rounds: ByRound, peers: Sequence[str]) -> list[Mapping[int, float]]:
    return [rounds.get(peer, {}).get(figure, {}) for peer in peers]


@dataclass(frozen=True, slots=True)
class Target:
    part: int
    """The part of the project that set it: the first, or the second, which brought our own data plane."""
    figure: str
    what: str
    bound: Bound


_NGINX = ("nginx",)
_ROUTERS = ("sglang-router", "vllm-router")
_REQUEST, _PACED = "CPU time per unary request, 1 kB", "CPU time per chunk, 1,000 streams at 20 chunks/s"
TARGETS = (
    Target(1, "cpu_us_per_request", _REQUEST, AtMost(350, "µs")),
    Target(1, "cpu_us_per_paced_chunk", _PACED, AtMost(55, "µs")),
    Target(1, "kb_per_stream", "memory per open stream", AtMost(60, "kB")),
    Target(1, "idle_worker_mb", "memory of an idle worker", AtMost(60, "MB")),
    Target(1, "ready_s", "from the command to ready", AtMost(3, "s")),
    Target(2, "cpu_us_per_request", _REQUEST, AtMost(60, "µs")),
    Target(2, "cpu_us_per_request", _REQUEST, Times(2.6, _NGINX, "nginx")),
    Target(2, "cpu_us_per_request", _REQUEST, Times(0.7, _ROUTERS, "the better Rust router")),
    Target(2, "cpu_us_per_8kb_request", "CPU time per unary request, 8 kB", AtMost(75, "µs")),
    Target(2, "cpu_us_per_100kb_request", "CPU time per unary request, 100 kB", AtMost(180, "µs")),
    Target(2, "requests_per_s", "requests per second on one core", AtLeast(15_000, "requests/s")),
    Target(2, "cpu_us_per_burst_chunk", "CPU time per chunk, as fast as possible", Times(1.25, _NGINX, "nginx")),
    Target(2, "cpu_us_per_paced_chunk", _PACED, Times(1.25, _NGINX, "nginx")),
    Target(2, "cpu_us_per_translated_chunk", "CPU time per chunk, Anthropic's to OpenAI's", AtMost(12, "µs")),
    Target(2, "chunk_late_p99_ms", "lateness of chunks, p99", Times(1.5, _NGINX, "nginx")),
    Target(2, "added_p50_ms", "added latency at 100 requests/s, p50", AtMost(0.4, "ms")),
    Target(2, "added_p99_ms", "added latency at 100 requests/s, p99", Beyond(1.0, "ms", "nginx")),
    Target(2, "kb_per_stream", "memory per open stream", AtMost(30, "kB")),
    Target(2, "idle_worker_mb", "memory of an idle worker", AtMost(60, "MB")),
)


def told(rounds: ByRound) -> list[str]:
    """One sentence a target, those that could not be judged included; none for a run without us."""
    ours = rounds.get(_US, {})
    if not ours:
        return []
    sentences = [_sentence(target, rounds) for target in TARGETS]
    late = ours.get("chunk_late_p99_ms", {})
    late_ms = statistics.median(late.values()) if late else 0.0
    if late_ms > BUNCHED_MS:
        sentences.append(f"The figure per paced chunk is too low: chunks came bunched (p99 {late_ms:.0f} ms late).")
    return sentences


def _sentence(target: Target, rounds: ByRound) -> str:
    judged = target.bound.judge(target.figure, rounds)
    what = f"Part {target.part}, {target.what}"
    return judged.told(what) if judged else f"{what}: NOT JUDGED, the run lacks {_lacking(target, rounds)}."


def _lacking(target: Target, rounds: ByRound) -> str:
    if target.figure not in rounds.get(_US, {}):
        return "our own figure"
    match target.bound:
        case Times(name=name):
            return f"a round that has {name}'s too"
        case Beyond(peer=peer):
            return f"a round that has {peer}'s too"
        case _:
            return "a figure"
