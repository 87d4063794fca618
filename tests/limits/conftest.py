"""A real Valkey for this room, and workers as it knows them: each with a store, a journal and leases of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, connect

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
    """Runs a scenario with a store of its own, in a loop of its own; the server is past its first seconds."""

    async def with_store(scenario: Scenario) -> None:
        store = await connect(valkey.url)
        try:
            await store.client.flushall()
            while (await store.client.info("server"))["uptime_in_seconds"] < 4:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.1)
            async with asyncio.timeout(40):
                await scenario(store)
        finally:
            await store.close()

    return lambda scenario: asyncio.run(with_store(scenario))
