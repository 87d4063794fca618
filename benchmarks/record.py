"""The record of a run: everything that was measured, round by round, as JSON."""

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine, sections, targets
from benchmarks.result import Result, by_round, medians

RESULTS = Path(__file__).resolve().parent / "results.json"


def write(result: Result, path: Path) -> None:
    path.write_text(json.dumps(_record(result), indent=1, ensure_ascii=False) + "\n")


def _record(result: Result) -> dict[str, object]:
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": dict(result.machine),
        "libraries": machine.libraries(),
        "versions": {name: version for name, version in result.versions.items() if version},
        "plan": result.plan.as_dict(),
        "skipped": dict(result.skipped),
        "what_each_does": {peer.name: peer.does for peer in result.peers},
        "medians": medians(result),
        "targets": [
            *targets.told(by_round(result)),
            *sections.workers(result.workers),
            *sections.long_run(result.long_run),
        ],
        "left_out": sections.left_out(result),
        "rounds": [
            {"peer": each.peer, "round": each.number, "remark": each.remark, "failure": each.failure, **each.parts}
            for each in result.rounds
        ],
        "latency_against_rate": [asdict(line) for line in result.sweep],
        "workers": asdict(result.workers) if result.workers else None,
        "long_run": [asdict(course) for course in result.long_run],
    }
