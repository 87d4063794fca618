"""An address where connecting hangs: a listener whose queue is full, so that the kernel drops each new SYN."""

import socket
from typing import Self


class Hole:
    """Use as a context manager; `port` is where nobody ever answers."""

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._waiting = [self._knock() for _ in range(4)]
        return self

    def _knock(self) -> socket.socket:
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(("127.0.0.1", self.port))
        return caller

    def __exit__(self, *_: object) -> None:
        for caller in self._waiting:
            caller.close()
        self._listener.close()
