"""A real Valkey on a unix socket, one for all tests of this room; each test begins with it empty."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from gateway.store.redis import Store, connect
from tests.support.admin_api import private_valkey


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with private_valkey() as (url, _):
        yield url


Scenario = Callable[[Store], Coroutine[Any, Any, None]]


@pytest.fixture
def with_store(valkey_url: str) -> Callable[[Scenario], None]:
    """Runs a scenario with a store of its own, in a loop of its own."""

    async def run(scenario: Scenario) -> None:
        store = await connect(valkey_url)
        try:
            await store.client.flushall()
            await scenario(store)
        finally:
            await store.close()

    return lambda scenario: asyncio.run(run(scenario))
