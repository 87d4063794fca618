"""The data dir: one gateway at a time, and where the command line finds it."""

import fcntl
import os
from pathlib import Path

import orjson

LOCK = "lock"
ANNOUNCEMENT = "gateway.json"


class DataDirTakenError(Exception):
    """Another gateway runs on this data dir; the message is one line for the operator."""


class DataDir:
    """Claimed until `release`, or until the process and its children have ended."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, path: Path) -> "DataDir":
        """Make the directory if need be and lock it. Raises DataDirTakenError."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            raise DataDirTakenError(f"another gateway (process {owner}) runs on the data dir {path}") from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return cls(path, lock)

    def announce(self, url: str) -> None:
        """Tell the command line on this machine where we are."""
        part = self.path / f"{ANNOUNCEMENT}.part"
        part.write_bytes(orjson.dumps({"url": url}))
        part.replace(self.path / ANNOUNCEMENT)

    def release(self) -> None:
        """Let the next gateway in."""
        (self.path / ANNOUNCEMENT).unlink(missing_ok=True)
        os.close(self._lock)
