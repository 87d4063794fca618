"""A real Valkey, one for all tests of this room; each test begins with it empty."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.metering.cube import Cube
from gateway.metering.flusher import Flusher
from gateway.metering.journal import Journal
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Script, Store, connect

Scenario = Callable[[Store], Coroutine[Any, Any, None]]
Run = Callable[[Scenario], None]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    server.start(tmp_path_factory.mktemp("valkey"))
    yield server
    server.stop()


@pytest.fixture
def run(valkey: EmbeddedValkey) -> Run:
    """Runs a scenario with a store of its own, in a loop of its own."""

    async def with_store(scenario: Scenario) -> None:
        store = await connect(valkey.url)
        try:
            await store.client.flushall()
            await scenario(store)
        finally:
            await store.close()

    return lambda scenario: asyncio.run(with_store(scenario))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal")
    yield opened
    opened.close()


def flusher(journal: Journal, store: Store) -> Flusher:
    return Flusher(journal, store, Script.load("apply_records"), Cube())
