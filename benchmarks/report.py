"""A run for the eye: the table, and what a reader must know before comparing. Measures nothing, writes no file."""

import statistics

from rich.console import Console
from rich.table import Table

from benchmarks import sections, targets
from benchmarks.result import FIGURES, Figure, Result, by_round, values

_RIG_BOUND = 0.93
"""Below this share of its core a peer was not the limit of a closed loop: mock and load were."""

_QUIET = 0.5
"""A load average above this before the run means that somebody else works on these cores."""


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
    rounds = result.plan.rounds
    many = (
        f"medians of {rounds} interleaved round{'s' if rounds != 1 else ''}" if rounds else "sections alone, no rounds"
    )
    return f"{told['processor']}, {told['cores']} cores, Linux {told['kernel']}, Python {told['python']}; {many}"


def show(result: Result) -> None:
    console = Console()
    console.print(_table(result) if result.rounds else heading(result))
    for title, lines in blocks(result):
        if title:
            console.print(f"\n{title}", style="bold", markup=False)
        for line in lines:
            console.print(line, highlight=False, markup=False)


def _table(result: Result) -> Table:
    table = Table(title=heading(result), title_justify="left")
    table.add_column("")
    for peer in result.peers:
        table.add_column(peer.name, justify="right")
    for figure in FIGURES:
        table.add_row(figure.title, *(cell(result, peer.name, figure) for peer in result.peers))
    return table


def blocks(result: Result) -> list[tuple[str, list[str]]]:
    """What stands below the table, each with its heading; none without lines."""
    every = [
        ("", remarks(result)),
        ("Targets", told_targets(result)),
        ("Two workers", sections.workers(result.workers)),
        ("Long run", sections.long_run(result.long_run)),
        ("Not in this run", sections.left_out(result)),
    ]
    return [(title, lines) for title, lines in every if lines]


def told_targets(result: Result) -> list[str]:
    lines = targets.told(by_round(result))
    if lines and rig_bound(result, "headrace"):
        shares = [each.parts["unary"]["cpu_share"] for each in result.good("headrace") if "unary" in each.parts]
        lines.append(
            f"At requests/s the gateway's core was {100 * statistics.median(shares):.0f} % busy: mock and load were "
            "the limit, and what the core could carry beyond that was not seen."
        )
    return lines


def remarks(result: Result) -> list[str]:
    """The bounds of the rig, what was skipped, what failed."""
    lines = (
        []
        if not result.rounds
        else [
            "≥: the peer had its core to spare; mock and load (on a busy machine, neighbours) were the limit.",
            "direct: latencies are the upstream's own, not added ones.",
        ]
    )
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
