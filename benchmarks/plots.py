"""Which plots a run brings: cost of a request and of a chunk as bars, latency against rate as lines."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import plot
from benchmarks.result import Result, medians

_OURS = "headrace"
_BARS = (
    ("request-cost", "CPU time per unary request of 1 kB", "cpu_us_per_request"),
    ("chunk-cost", "CPU time per chunk, many open streams at 20 chunks a second", "cpu_us_per_paced_chunk"),
)
_LINES = (
    ("latency-p50", "Latency against rate, median, unary requests of 1 kB", "latency_p50_ms"),
    ("latency-p99", "Latency against rate, p99, unary requests of 1 kB", "latency_p99_ms"),
)


def draw(result: Result) -> dict[str, tuple[str, str]]:
    """By file name: what it shows, and the SVG. Plots without anything to show are left out."""
    table = medians(result)
    found: dict[str, tuple[str, str]] = {}
    for name, title, key in _BARS:
        rows = sorted(((peer, table[peer][key]) for peer in table if key in table[peer]), key=lambda row: row[1])
        if rows:
            found[f"{name}.svg"] = title, plot.bars(title, rows, _OURS, "µs")
    for name, title, key in _LINES:
        series = {
            line.peer: [(p["rate_per_s"], p[key]) for p in line.carried() if key in p]
            for line in result.sweep
            if line.points
        }
        if series:
            found[f"{name}.svg"] = title, plot.lines(title, "requests per second", "ms", series, _OURS)
    return found


def write(result: Result, folder: Path) -> Sequence[tuple[str, str]]:
    """File names and what they show, in the order of the page."""
    folder.mkdir(exist_ok=True)
    drawn = draw(result)
    for name, (_, svg) in drawn.items():
        (folder / name).write_text(svg)
    return [(name, title) for name, (title, _) in drawn.items()]
