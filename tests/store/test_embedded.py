"""The private Valkey: it starts, outlives its parent, is adopted, dies, and keeps what it acknowledged."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.embedded import EmbeddedValkey, EmbeddedValkeyError
from tests.support.patience import eventually


def ask(server: EmbeddedValkey, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect(server.url.removeprefix("unix://"))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(65536).decode()


def pid_of(server: EmbeddedValkey) -> int:
    return int(next(line for line in ask(server, "INFO server").splitlines() if line.startswith("process_id:"))[11:])


def test_it_listens_on_a_private_socket_and_on_no_port(valkey: EmbeddedValkey) -> None:
    path = Path(valkey.url.removeprefix("unix://"))
    assert len(str(path)) < 100
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "\r\n0\r\n" in ask(valkey, "CONFIG GET port")
    assert "always" in ask(valkey, "CONFIG GET appendfsync")


def test_it_is_out_of_reach_of_the_terminals_ctrl_c(valkey: EmbeddedValkey) -> None:
    assert os.getpgid(pid_of(valkey)) != os.getpgid(0)
    assert os.getsid(pid_of(valkey)) != os.getsid(0)


def test_what_it_acknowledged_survives_being_killed(valkey: EmbeddedValkey) -> None:
    url = valkey.url
    assert ask(valkey, "SET kept yes") == "+OK\r\n"
    os.kill(pid_of(valkey), signal.SIGKILL)
    eventually(lambda: not valkey.alive())
    valkey.restart()
    assert valkey.alive()
    assert valkey.url == url
    assert ask(valkey, "GET kept") == "$3\r\nyes\r\n"


def test_the_server_of_a_killed_parent_is_adopted(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from gateway.store.embedded import EmbeddedValkey;"
        "EmbeddedValkey().start(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=20, check=False)
    assert parent.returncode == -signal.SIGKILL
    adopted = EmbeddedValkey()
    adopted.start(tmp_path)
    first = pid_of(adopted)
    assert adopted.alive()
    again = EmbeddedValkey()
    again.start(tmp_path)
    assert pid_of(again) == first
    adopted.stop()
    assert not adopted.alive()
    assert not Path(adopted.url.removeprefix("unix://")).parent.exists()


def test_a_server_that_hangs_is_killed_in_the_end(tmp_path: Path) -> None:
    server = EmbeddedValkey(stop_within_s=0.3)
    server.start(tmp_path)
    os.kill(pid_of(server), signal.SIGSTOP)
    server.stop()
    assert not server.alive()


def test_a_server_that_hangs_is_not_started_twice(tmp_path: Path) -> None:
    server = EmbeddedValkey()
    server.start(tmp_path)
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedValkeyError, match="does not answer"):
            EmbeddedValkey(start_within_s=0.2).start(tmp_path)
    finally:
        os.kill(pid, signal.SIGCONT)
        server.stop()


def test_why_it_cannot_start_is_said_in_one_line(tmp_path: Path) -> None:
    files = tmp_path / "valkey" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedValkeyError, match="ended at once") as failure:
        EmbeddedValkey().start(tmp_path)
    assert "\n" not in str(failure.value)
