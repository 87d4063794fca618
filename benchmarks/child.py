"""Processes that a benchmark starts: pinned to a core, in a session of their own, ended with all descendants."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import procstat

_STOP_LIMIT_S = 8.0


class DidNotStart(Exception):
    """A process ended, or stayed silent, before it was ready."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: what is measured has a core of its own, the mock and the load share another."""

    measured: frozenset[int]
    rig: frozenset[int]

    @classmethod
    def choose(cls) -> "Cores":
        available = sorted(os.sched_getaffinity(0))
        return cls(measured=frozenset({available[0]}), rig=frozenset({available[-1]}))

    @classmethod
    def shared(cls) -> "Cores":
        """Two workers on two cores leave none for the rig: everybody may run on both."""
        available = sorted(os.sched_getaffinity(0))
        both = frozenset({available[0], available[-1]})
        return cls(measured=both, rig=both)


class Child:
    """One started process and everything that it starts."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        self.started_at = time.monotonic()

    @classmethod
    def start(
        cls, command: Sequence[str], *, cores: frozenset[int], log: Path, env: Mapping[str, str], cwd: Path
    ) -> "Child":
        with log.open("wb") as output, pinned(cores):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,  # Ctrl-C reaches the benchmark alone, which then ends its children in order
            )
        return cls(process, log)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def log_tail(self, lines: int = 12) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ask, wait, insist; then see to descendants that had moved to a session of their own."""
        family = [(pid, procstat.started_at_ticks(pid)) for pid in procstat.tree(self.pid)]
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid, started in family:
            if started and procstat.started_at_ticks(pid) == started:
                _kill(pid)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """What is started within runs on these cores alone: a child inherits the affinity of who starts it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended between the look and the blow
