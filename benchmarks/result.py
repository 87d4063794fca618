"""A whole run, and the figures that are read from its rounds: raw values by round, medians. Says nothing about them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.long_run import Course
from benchmarks.measure import Round
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan
from benchmarks.sweep import Line
from benchmarks.workers import Workers

ByRound = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Peer, figure, round."""


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    plan: Plan
    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    skipped: Mapping[str, str]
    peers: Sequence[Peer]
    rounds: Sequence[Round]
    sweep: Sequence[Line] = ()
    workers: Workers | None = None
    long_run: Sequence[Course] = ()

    def good(self, peer: str) -> list[Round]:
        return [each for each in self.rounds if each.peer == peer and not each.failure]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: where it comes from in a round, and how it is written."""

    key: str
    title: str
    read: Callable[[Round, Mapping[int, Round]], float | None]
    form: str = "{:,.0f}"


def _part(part: str, name: str, scale: float = 1.0) -> Callable[[Round, Mapping[int, Round]], float | None]:
    def read(measured: Round, _direct: Mapping[int, Round]) -> float | None:
        value = measured.parts.get(part, {}).get(name)
        return None if value is None else value * scale

    return read


def _cost(part: str, name: str, scale: float = 1.0) -> Callable[[Round, Mapping[int, Round]], float | None]:
    """What a peer's processes used; the bare upstream has none of its own."""
    plain = _part(part, name, scale)

    def read(measured: Round, direct: Mapping[int, Round]) -> float | None:
        return None if measured.peer == "direct" else plain(measured, direct)

    return read


def _added(name: str) -> Callable[[Round, Mapping[int, Round]], float | None]:
    """Beyond the bare upstream in the same round; for the bare upstream its own latency."""
    plain = _part("rate", name)

    def read(measured: Round, direct: Mapping[int, Round]) -> float | None:
        own = plain(measured, direct)
        if measured.peer == "direct" or own is None:
            return own
        base = plain(direct[measured.number], direct) if measured.number in direct else None
        return None if base is None else own - base

    return read


def _errors(measured: Round, _direct: Mapping[int, Round]) -> float | None:
    return sum(part.get(name, 0.0) for part in measured.parts.values() for name in ("errors", "unfinished"))


FIGURES = (
    Figure("connections", "connections", _part("unary", "connections")),
    Figure("requests_per_s", "requests/s", _part("unary", "requests_per_s")),
    Figure("cpu_us_per_request", "CPU µs/request", _cost("unary", "cpu_us_per_request")),
    Figure("cpu_us_per_8kb_request", "CPU µs/request, 8 kB", _cost("unary_8kb", "cpu_us_per_request")),
    Figure("cpu_us_per_100kb_request", "CPU µs/request, 100 kB", _cost("unary_100kb", "cpu_us_per_request")),
    Figure("cpu_us_per_burst_chunk", "CPU µs/chunk, burst", _cost("burst", "cpu_us_per_chunk"), "{:,.1f}"),
    Figure("cpu_us_per_paced_chunk", "CPU µs/chunk, paced", _cost("paced", "cpu_us_per_chunk"), "{:,.1f}"),
    Figure(
        "cpu_us_per_translated_chunk", "CPU µs/chunk, translated", _cost("translation", "cpu_us_per_chunk"), "{:,.1f}"
    ),
    Figure("open_streams", "open streams", _part("paced", "streams")),
    Figure("chunk_late_p99_ms", "chunk late p99 ms", _part("paced", "late_p99_ms"), "{:,.1f}"),
    Figure("rate_per_s", "latency at requests/s", _part("rate", "rate_per_s")),
    Figure("added_p50_ms", "added p50 ms", _added("latency_p50_ms"), "{:,.2f}"),
    Figure("added_p99_ms", "added p99 ms", _added("latency_p99_ms"), "{:,.2f}"),
    Figure("kb_per_stream", "kB/stream", _cost("paced", "pss_bytes_per_stream", 1e-3), "{:,.1f}"),
    Figure("idle_worker_mb", "MB/idle worker", _cost("idle", "worker_pss_bytes", 1e-6), "{:,.1f}"),
    Figure("idle_tree_mb", "MB idle, all", _cost("idle", "tree_pss_bytes", 1e-6), "{:,.1f}"),
    Figure("ready_s", "ready s", _cost("idle", "ready_s"), "{:,.2f}"),
    Figure("errors", "errors", _errors),
)


def by_round(result: Result) -> ByRound:
    """A peer or figure without a value is absent."""
    return {peer.name: _of_peer(result, peer.name) for peer in result.peers}


def _of_peer(result: Result, peer: str) -> dict[str, dict[int, float]]:
    direct = {each.number: each for each in result.good("direct")}
    table: dict[str, dict[int, float]] = {}
    for figure in FIGURES:
        read = {each.number: figure.read(each, direct) for each in result.good(peer)}
        found = {number: value for number, value in read.items() if value is not None}
        if found:
            table[figure.key] = found
    return table


def values(result: Result, peer: str, figure: Figure) -> list[float]:
    return list(_of_peer(result, peer).get(figure.key, {}).values())


def medians(result: Result) -> dict[str, dict[str, float]]:
    return {
        peer: {key: statistics.median(several.values()) for key, several in figures.items()}
        for peer, figures in by_round(result).items()
    }
