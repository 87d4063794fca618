"""Runs one scenario, given as JSON on standard input, and prints its figures as JSON."""

import json
import sys
from collections.abc import Callable
from typing import Protocol

import uvloop

from benchmarks.load.aborts import Aborts
from benchmarks.load.closed_loop import ClosedLoop
from benchmarks.load.counted import Counted
from benchmarks.load.fixed_rate import FixedRate
from benchmarks.load.scenario import Scenario
from benchmarks.load.streams import Burst, Paced


class _Load(Protocol):
    async def run(self) -> dict[str, float]:
        """Measure, and give the figures."""


_KINDS: dict[str, Callable[[Scenario], _Load]] = {
    "closed_loop": ClosedLoop,
    "fixed_rate": FixedRate,
    "burst": Burst,
    "paced": Paced,
    "counted": Counted,
    "aborts": Aborts,
}


def main() -> None:
    scenario = Scenario.from_json(sys.stdin.read())
    print(json.dumps(uvloop.run(_KINDS[scenario.kind](scenario).run())))


if __name__ == "__main__":
    main()
