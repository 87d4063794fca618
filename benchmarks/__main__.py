"""`python -m benchmarks` (`make bench`): measure everybody side by side, print the table, write the record.

Rounds are interleaved (every peer once, then all again), so that a neighbour who wakes up disturbs everybody alike.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks import machine, open_files, record, report
from benchmarks.child import Cores
from benchmarks.document import write_document
from benchmarks.install import Unavailable
from benchmarks.long_run import LongRun
from benchmarks.measure import Bench, Round
from benchmarks.peers import everybody
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan
from benchmarks.result import Result
from benchmarks.sweep import Line, Sweep
from benchmarks.workers import TwoWorkers


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a background shell hands SIGINT down ignored, so it is set as well
        signal.signal(number, _stop)
    plan = _plan(options)
    limit = open_files.raise_limit()
    peers, versions, skipped = _prepare(_chosen(options.only))
    cores = Cores.choose()
    if cores.measured == cores.rig:
        print("one core only: peers, mock and load share it, so latencies and rates say little", file=sys.stderr)
    described = machine.describe(cores)
    rounds = _measure(Bench(plan, cores), peers, plan.rounds)
    result = Result(plan, described, versions, skipped, peers, rounds)
    result = _sections(result, cores, limit, options)
    report.show(result)
    if options.no_write:
        return 0
    record.write(result, options.results)
    if not options.quick and not options.only and not options.skip:
        write_document(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(peer.name for peer in everybody())
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Headrace and its peers, side by side.")
    parser.add_argument(
        "--rounds", type=int, default=Plan().rounds, help="how often the close ones are measured (default 5)"
    )
    parser.add_argument("--only", type=_names, default=None, metavar="PEER,…", help=f"of: {names}")
    parser.add_argument(
        "--quick", action="store_true", help="one short round; shows that it works, figures mean little"
    )
    parser.add_argument("--results", type=Path, default=record.RESULTS, help="where the JSON record goes")
    parser.add_argument("--long", action="store_true", help="memory over very many requests too; an hour or so")
    parser.add_argument(
        "--long-requests", type=int, default=1_000_000, metavar="N", help="with --long (default 1000000)"
    )
    parser.add_argument("--long-aborts", type=int, default=100_000, metavar="N", help="with --long (default 100000)")
    parser.add_argument("--skip", choices=("rounds", "sweep", "workers"), action="append", default=[], help="leave out")
    parser.add_argument("--no-write", action="store_true", help="print the table only")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(rounds=options.rounds)
    if options.quick:
        plan = plan.quick()
    if "rounds" in options.skip:
        plan = replace(plan, rounds=0)
    return plan.at_length(options.long_requests, options.long_aborts) if options.long else plan


def _sections(result: Result, cores: Cores, open_files_limit: int, options: argparse.Namespace) -> Result:
    """What is measured beside the rounds. The gateway alone stands in two of the three."""
    plan = result.plan
    ours = any(peer.name == "headrace" for peer in result.peers)
    if "sweep" not in options.skip:
        result = replace(result, sweep=_sweep(Sweep(plan, cores), result.peers))
    if ours and "workers" not in options.skip:
        result = replace(result, workers=TwoWorkers(plan, Cores.shared(), open_files_limit).measure())
    if ours and options.long:
        result = replace(result, long_run=LongRun(plan, cores).measure())
    return result


def _sweep(sweep: Sweep, peers: Sequence[Peer]) -> list[Line]:
    lines: list[Line] = []
    for peer in peers:
        if peer.carries.rates_per_s:
            print(f"latency against rate  {peer.name}", file=sys.stderr, flush=True)
            lines.append(sweep.line(peer))
    return lines


def _names(text: str) -> list[str]:
    known = {peer.name for peer in everybody()}
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
    return names


def _chosen(only: list[str] | None) -> list[Peer]:
    """Direct is always measured: added latency is told against it."""
    return [peer for peer in everybody() if only is None or peer.name in only or peer.name == "direct"]


def _prepare(peers: list[Peer]) -> tuple[list[Peer], dict[str, str], dict[str, str]]:
    present: list[Peer] = []
    versions: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for peer in peers:
        try:
            versions[peer.name] = peer.prepare()
            present.append(peer)
        except Unavailable as reason:
            skipped[peer.name] = str(reason)
            print(f"*** {peer.name} is SKIPPED: {reason}", file=sys.stderr)
    return present, versions, skipped


def _measure(bench: Bench, peers: list[Peer], rounds: int) -> list[Round]:
    done: list[Round] = []
    for number in range(1, rounds + 1):
        for peer in peers:
            if number > bench.plan.rounds_of(peer.carries.rounds):
                continue
            began = time.monotonic()
            measured = bench.round(peer, number)
            outcome = f"FAILED: {measured.failure}" if measured.failure else f"{time.monotonic() - began:.0f} s"
            print(f"round {number}/{rounds}  {peer.name:<13} {outcome}", file=sys.stderr, flush=True)
            done.append(measured)
    return done


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # every `finally` runs, so nothing is left behind


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped; everything that was started has been ended", file=sys.stderr)
        sys.exit(130)
