"""What the operating system knows of this process, under Prometheus' standard names, by worker."""

import os
import time
from pathlib import Path

from gateway.metrics import Metrics

_PAGE = os.sysconf("SC_PAGE_SIZE")


def observe_process(metrics: Metrics, worker: int) -> None:
    """Set process_* from /proc (proc(5)); elsewhere than on Linux there is only the CPU time."""
    of = (str(worker),)
    metrics.process_cpu.values[of] = time.process_time()
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
        metrics.process_memory.set(of, int(fields[1]) * _PAGE)
        metrics.process_fds.set(of, len(os.listdir("/proc/self/fd")))  # noqa: PTH208  counted, not looked at
    except OSError:
        return
