"""Callbacks and bytes (asyncio protocols, httptools) with a key check and the body parsed: Python's practical floor."""

import subprocess

from benchmarks import install
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import Capacity, Place, Running, await_chat, clean_environment

_KEY = "hr-bench-proto-check"
_LOCK = install.LOCKS / "proto.txt"


class ProtoCheck:
    name = "proto-check"
    does = "relays by callbacks, httptools on both sides, uvloop; key checked, body parsed, usage read; nothing stored"
    carries = Capacity(rounds=2)

    def __init__(self) -> None:
        self._python = ""

    def prepare(self) -> str:
        self._python = str(install.venv("proto", _LOCK, "httptools, uvloop, orjson"))
        question = "from importlib.metadata import version as v; print(v('httptools'))"
        told = subprocess.run([self._python, "-c", question], capture_output=True, text=True, check=True)
        return f"httptools {told.stdout.strip()}"

    def start(self, place: Place) -> Running:
        port = free_port()
        command = [self._python, "-m", "benchmarks.servers.proto", str(port), str(place.mock_port), _KEY]
        log = place.folder / "proto.log"
        child = Child.start(command, cores=place.cores, log=log, env=clean_environment(), cwd=install.ROOT)
        headers = {"authorization": f"Bearer {_KEY}"}
        try:
            ready_s = await_chat(child, port, headers, limit_s=20)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, headers=headers, workers=[child.pid])
