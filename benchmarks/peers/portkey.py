"""Portkey's gateway on Node: a proxy that is told where to go by request headers."""

import json
import shutil
from pathlib import Path

from benchmarks import install
from benchmarks.child import Child
from benchmarks.loopback import free_port
from benchmarks.peers.peer import Capacity, Place, Running, await_chat, clean_environment

_SOURCE = install.LOCKS / "portkey"
_PRELOAD = Path(__file__).with_name("portkey_loopback.cjs")


class Portkey:
    name = "portkey"
    does = "routed by request headers, body parsed; no key of its own, nothing counted"
    carries = Capacity(open_streams=250, burst_chunks=200, rounds=1)

    def __init__(self) -> None:
        self._package = install.ROOT

    def prepare(self) -> str:
        self._package = install.npm_folder("portkey", _SOURCE) / "node_modules" / "@portkey-ai" / "gateway"
        version: str = json.loads((self._package / "package.json").read_text())["version"]
        return version

    def start(self, place: Place) -> Running:
        node = shutil.which("node")
        assert node is not None  # `prepare` has seen to it
        port = free_port()
        server = str(self._package / "build" / "start-server.js")
        command = [node, "--require", str(_PRELOAD), server, f"--port={port}", "--headless"]
        env = clean_environment(NODE_ENV="production", TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost")
        child = Child.start(command, cores=place.cores, log=place.folder / "portkey.log", env=env, cwd=place.folder)
        headers = {
            "authorization": "Bearer x",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{place.mock_port}/v1",
        }
        try:
            ready_s = await_chat(child, port, headers, limit_s=30)
        except BaseException:
            child.stop()
            raise
        return Running(port, child, ready_s, headers=headers, workers=[child.pid])
