"""Reading /proc: the fields that have spaces in front of them, and processes that are gone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import procstat

GONE = 2**22 + 1
"""Above the highest pid that Linux hands out."""


@contextmanager
def python(code: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    rename = "open('/proc/self/comm', 'w').write('a b) (c'); print('ready', flush=True); input()"
    with python(rename) as process:
        assert procstat.command(process.pid) == "a b) (c"
        assert procstat.started_at_ticks(process.pid) > procstat.started_at_ticks(1) >= 0


def test_the_tree_holds_children_of_children() -> None:
    inner = "import sys; sys.stdin.read()"
    outer = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}], stdin=subprocess.PIPE)\n"
        "print('ready', flush=True)\ninput()"
    )
    with python(outer) as process:
        family = procstat.tree(process.pid)
        assert family[0] == process.pid
        assert len(family) == 2
        assert set(family) < set(procstat.tree(os.getpid()))


def test_cpu_time_grows_with_work() -> None:
    before = procstat.cpu_seconds(os.getpid())
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert procstat.cpu_seconds(os.getpid()) - before >= 0.05


def test_memory_is_told_process_by_process() -> None:
    (own,) = [each for each in procstat.memory(os.getpid()) if each.pid == os.getpid()]
    assert own.pss_bytes > 1_000_000
    assert own.pss_bytes % 1024 == 0


def test_a_process_that_is_gone_has_nothing() -> None:
    assert procstat.tree(GONE) == [GONE]
    assert procstat.cpu_seconds(GONE) == 0
    assert procstat.pss_bytes(GONE) == 0
    assert procstat.started_at_ticks(GONE) == 0
