"""From raw rounds to medians, a table for the eye and a record for the file; measures nothing."""

import datetime as dt
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import machine, targets
from benchmarks.measure import Round
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan

RESULTS = Path(__file__).resolve().parent / "results.json"
_RIG_BOUND = 0.93
"""Below this share of its core a peer was not the limit of a closed loop: mock and load were."""

_QUIET = 0.5
"""A load average above this before the run means that somebody else works on these cores."""


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    plan: Plan
    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    skipped: Mapping[str, str]
    peers: Sequence[Peer]
    rounds: Sequence[Round]

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
        base = direct.get(measured.number)
        if own is None or base is None or measured.peer == "direct":
            return own if measured.peer == "direct" else None
        return own - (plain(base, direct) or 0.0)

    return read


def _errors(measured: Round, _direct: Mapping[int, Round]) -> float | None:
    parts = ("paced", "rate", "burst", "unary")
    return sum(measured.parts.get(part, {}).get(name, 0.0) for part in parts for name in ("errors", "unfinished"))


FIGURES = (
    Figure("requests_per_s", "requests/s", _part("unary", "requests_per_s")),
    Figure("cpu_us_per_request", "CPU µs/request", _cost("unary", "cpu_us_per_request")),
    Figure("cpu_us_per_burst_chunk", "CPU µs/chunk, burst", _cost("burst", "cpu_us_per_chunk"), "{:,.1f}"),
    Figure("cpu_us_per_paced_chunk", "CPU µs/chunk, paced", _cost("paced", "cpu_us_per_chunk"), "{:,.1f}"),
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


def values(result: Result, peer: str, figure: Figure) -> list[float]:
    direct = {each.number: each for each in result.good("direct")}
    read = (figure.read(each, direct) for each in result.good(peer))
    return [value for value in read if value is not None]


def medians(result: Result) -> dict[str, dict[str, float]]:
    """Per peer and figure; a peer or figure without a value is absent."""
    table: dict[str, dict[str, float]] = {}
    for peer in result.peers:
        found = {figure.key: values(result, peer.name, figure) for figure in FIGURES}
        table[peer.name] = {key: statistics.median(several) for key, several in found.items() if several}
    return table


def cell(result: Result, peer: str, figure: Figure) -> str:
    several = values(result, peer, figure)
    if not several:
        return "-"
    text = figure.form.format(statistics.median(several))
    return f"≥ {text}" if figure.key == "requests_per_s" and rig_bound(result, peer) else text


def rig_bound(result: Result, peer: str) -> bool:
    """Whether mock and load, not this peer, set the pace of the closed loop."""
    shares = [each.parts["unary"]["cpu_share"] for each in result.good(peer) if "unary" in each.parts]
    return peer != "direct" and bool(shares) and statistics.median(shares) < _RIG_BOUND


def heading(result: Result) -> str:
    told = result.machine
    return (
        f"{told['processor']}, {told['cores']} cores, Linux {told['kernel']}, Python {told['python']}; "
        f"medians of {result.plan.rounds} interleaved round{'s' if result.plan.rounds != 1 else ''}"
    )


def show(result: Result) -> None:
    table = Table(title=heading(result), title_justify="left")
    table.add_column("")
    for peer in result.peers:
        table.add_column(peer.name, justify="right")
    for figure in FIGURES:
        table.add_row(figure.title, *(cell(result, peer.name, figure) for peer in result.peers))
    console = Console()
    console.print(table)
    for line in (*remarks(result), *targets.told(medians(result).get("headrace", {}))):
        console.print(line, highlight=False, markup=False)


def remarks(result: Result) -> list[str]:
    """What a reader must know before comparing: the bounds of the rig, what was skipped, what failed."""
    lines = [
        "≥: the peer had its core to spare; mock and load (on a busy machine, neighbours) were the limit.",
        "direct: latencies are the upstream's own, not added ones.",
    ]
    if float(result.machine["load_average_at_start"]) > _QUIET:
        lines.append(
            f"The machine was busy (load average {result.machine['load_average_at_start']}): do not quote this run."
        )
    lines += [f"{peer}: skipped ({reason})" for peer, reason in result.skipped.items()]
    for peer in result.peers:
        failed = [each for each in result.rounds if each.peer == peer.name and each.failure]
        lines += [f"{peer.name}, round {each.number}: failed ({each.failure.splitlines()[0]})" for each in failed]
        lines += sorted({f"{peer.name}: {each.remark}" for each in result.good(peer.name) if each.remark})
    return lines


def write_json(result: Result, path: Path) -> None:
    record = {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": dict(result.machine),
        "libraries": machine.libraries(),
        "versions": {name: version for name, version in result.versions.items() if version},
        "plan": result.plan.as_dict(),
        "skipped": dict(result.skipped),
        "what_each_does": {peer.name: peer.does for peer in result.peers},
        "medians": medians(result),
        "targets": targets.told(medians(result).get("headrace", {})),
        "rounds": [
            {"peer": each.peer, "round": each.number, "remark": each.remark, "failure": each.failure, **each.parts}
            for each in result.rounds
        ],
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
