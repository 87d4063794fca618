"""The Rust routers of the two inference engines, from their PyPI wheels, with the mock as their one worker."""

from collections.abc import Sequence

from benchmarks import install
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import SHARED_RATES, Capacity, Place, Running, await_chat, clean_environment


class Router:
    """Both descend from one program and are started alike: as they ship, but quiet."""

    carries = Capacity(rates_per_s=SHARED_RATES)

    def __init__(self, name: str, does: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.does = does
        self._arguments = arguments
        self._program = install.ROOT

    def prepare(self) -> str:
        python = install.venv(self.name, install.LOCKS / f"{self.name}.txt", self.name)
        self._program = python.parent / self.name
        return install.version(python, self.name)

    def start(self, place: Place) -> Running:
        port = free_port()
        addresses = ["--host", "127.0.0.1", "--port", str(port), "--prometheus-host", "127.0.0.1"]
        addresses += ["--prometheus-port", str(free_port()), "--worker-urls", f"http://127.0.0.1:{place.mock_port}"]
        command = [str(self._program), *self._arguments, *addresses, "--policy", "round_robin", "--log-level", "error"]
        log = place.folder / f"{self.name}.log"
        child = Child.start(command, cores=place.cores, log=log, env=clean_environment(), cwd=place.folder)
        try:
            ready_s = await_chat(child, port, {}, limit_s=45)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, workers=[child.pid])


def sglang_router() -> Router:
    does = "round-robin over one worker, body parsed and rebuilt, Prometheus metrics kept; no key, no tokens counted"
    return Router("sglang-router", does, ["launch"])


def vllm_router() -> Router:
    does = "round-robin over one worker, body parsed and rebuilt, Prometheus metrics kept; no key, no tokens counted"
    return Router("vllm-router", does, [])
