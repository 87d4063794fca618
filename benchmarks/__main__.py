"""`python -m benchmarks` (`make bench`): measure everybody side by side, print the table, write the record.

Rounds are interleaved (every peer once, then all again), so that a neighbour who wakes up disturbs everybody alike.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from benchmarks import machine, report
from benchmarks.child import Cores
from benchmarks.document import write_document
from benchmarks.install import Unavailable
from benchmarks.measure import Bench, Round
from benchmarks.peers import everybody
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a background shell hands SIGINT down ignored, so it is set as well
        signal.signal(number, _stop)
    plan = Plan().quick() if options.quick else Plan(rounds=options.rounds)
    peers, versions, skipped = _prepare(_chosen(options.only))
    cores = Cores.choose()
    if cores.measured == cores.rig:
        print("one core only: peers, mock and load share it, so latencies and rates say little", file=sys.stderr)
    described = machine.describe(cores)
    rounds = _measure(Bench(plan, cores), peers, plan.rounds)
    result = report.Result(plan, described, versions, skipped, peers, rounds)
    report.show(result)
    if options.no_write:
        return 0
    report.write_json(result, options.results)
    if not options.quick and not options.only:
        write_document(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(peer.name for peer in everybody())
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Headrace and its peers, side by side.")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="how often everybody is measured (default 3)")
    parser.add_argument("--only", type=_names, default=None, metavar="PEER,…", help=f"of: {names}")
    parser.add_argument(
        "--quick", action="store_true", help="one short round; shows that it works, figures mean little"
    )
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="where the JSON record goes")
    parser.add_argument("--no-write", action="store_true", help="print the table only")
    return parser


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
            began = time.monotonic()
            measured = bench.round(peer, number)
            outcome = f"FAILED: {measured.failure}" if measured.failure else f"{time.monotonic() - began:.0f} s"
            print(f"round {number}/{rounds}  {peer.name:<12} {outcome}", file=sys.stderr, flush=True)
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
