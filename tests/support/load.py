"""A steady load whose every request is told apart, so that a ledger can be held against the provider's own count.

Request number n asks as user `n` under the request id `load-n`, and the provider bills it 1000 + n tokens of input: a
row that is lost, doubled or mixed up shows in the sums as well as by name.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support import scripts
from tests.support.caller import Caller
from tests.support.upstream import Exchange, Line, Script

WORDS = 6


def number_of(exchange: Exchange) -> int:
    return int(exchange.json["user"])


def billed_input(number: int) -> int:
    return 1000 + number


def counting(pace_s: float) -> Script:
    """An upstream that takes a moment, so that a kill finds requests in every phase."""

    async def play(line: Line) -> None:
        counted = scripts.usage(billed_input(number_of(line.exchange)), WORDS)
        if line.exchange.json.get("stream"):
            await scripts.stream(*scripts.words(*["word "] * WORDS), counted=counted, interval_s=pace_s)(line)
        else:
            await asyncio.sleep(pace_s * WORDS)
            await scripts.answer(counted=counted)(line)

    return play


@dataclass
class Load:
    """Callers in threads of their own, each asking again as soon as it was answered; every other one streams."""

    app: Caller
    model: str
    threads: int = 6
    answered: set[int] = field(default_factory=set)
    """Numbers whose whole answer the caller has read."""
    broken: dict[int, str] = field(default_factory=dict)

    def __enter__(self) -> "Load":
        self._numbers: Iterator[int] = itertools.count(1)
        self._stop = threading.Event()
        self._pool = [threading.Thread(target=self._keep_asking, args=(n % 2 == 0,)) for n in range(self.threads)]
        for thread in self._pool:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._pool:
            thread.join(20)

    def run(self, requests: int, within_s: float = 20.0) -> None:
        """Wait until this many more were answered."""
        goal = len(self.answered) + requests
        deadline = time.monotonic() + within_s
        while len(self.answered) < goal:
            assert time.monotonic() < deadline, f"{len(self.answered)} of {goal} answered; broken: {self.broken}"
            time.sleep(0.01)

    def _keep_asking(self, stream: bool) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                self._ask(number, stream=stream)
            except (OSError, ValueError) as broken:
                self.broken[number] = repr(broken)
                time.sleep(0.02)

    def _ask(self, number: int, *, stream: bool) -> None:
        headers = {"x-request-id": f"load-{number}"}
        answer = self.app.chat(self.model, headers=headers, user=str(number), stream=stream)
        whole = answer.status == 200 and (not stream or answer.body.endswith(scripts.DONE))
        if whole:
            self.answered.add(number)
        else:
            self.broken[number] = f"{answer.status} {answer.body[-300:]!r}"
