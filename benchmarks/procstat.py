"""What a process tree has used, read from /proc: CPU time and proportional memory (Linux). Starts and stops nothing."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    pid: int
    command: str
    pss_bytes: int


def tree(root: int) -> list[int]:
    """The process and all its descendants that are alive now, the root first."""
    found = [root]
    for pid in found:  # grows while it is walked: breadth first
        found.extend(_children(pid))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the whole tree, children that were already waited for included."""
    return sum(_cpu_ticks(pid) for pid in tree(root)) / _TICKS_PER_S


def memory(root: int) -> list[ProcessMemory]:
    """The tree's memory, process by process; pages that several share are divided among them (PSS)."""
    return [ProcessMemory(pid, command(pid), _pss_bytes(pid)) for pid in tree(root)]


def pss_bytes(root: int) -> int:
    return sum(process.pss_bytes for process in memory(root))


def command(pid: int) -> str:
    return _read(pid, "comm").strip()


def started_at_ticks(pid: int) -> int:
    """With the pid, the identity of a process: pids are reused, pairs are not. 0 when it is gone."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else 0


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []
    listed = (_read(pid, f"task/{task.name}/children") for task in tasks)
    return [int(child) for line in listed for child in line.split()]


def _stat_fields(pid: int) -> list[str]:
    # The second field is the command in parentheses and may itself hold spaces and parentheses.
    return _read(pid, "stat").rpartition(")")[2].split()


def _cpu_ticks(pid: int) -> int:
    fields = _stat_fields(pid)
    return sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime


def _pss_bytes(pid: int) -> int:
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(pid: int, name: str) -> str:
    """A process may end between two looks: then there is nothing to read."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
