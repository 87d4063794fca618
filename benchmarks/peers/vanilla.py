"""The shortest reverse proxy on aiohttp, server and client: what Python's usual way of relaying costs."""

import sys
from importlib import metadata

from benchmarks import install
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import SHARED_RATES, Capacity, Place, Running, await_chat, clean_environment


class Vanilla:
    name = "aiohttp"
    does = "relays, aiohttp on both sides, shortest handler, uvloop; no key, no body parsed, nothing counted"
    carries = Capacity(rounds=2, rates_per_s=SHARED_RATES)

    def prepare(self) -> str:
        return metadata.version("aiohttp")

    def start(self, place: Place) -> Running:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.servers.vanilla", str(port), str(place.mock_port)]
        log = place.folder / "vanilla.log"
        child = Child.start(command, cores=place.cores, log=log, env=clean_environment(), cwd=install.ROOT)
        try:
            ready_s = await_chat(child, port, {}, limit_s=20)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, workers=[child.pid])
