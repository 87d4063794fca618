"""An operator with an HTTP client and the admin key; each test begins with an empty Valkey."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.services import AdminServices
from gateway.store.redis import connect
from tests.support.admin_api import ADMIN_KEY, admin_app, admin_services, private_valkey


class Operator:
    """An HTTP client with the admin key, and the rooms behind the API."""

    def __init__(self, client: TestClient[Any, Any], services: AdminServices) -> None:
        self.client = client
        self.keys = services.keys
        self.ledger: Any = services.ledger

    async def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, key: str | None = ADMIN_KEY, **more: Any
    ) -> Any:
        headers = more.pop("headers", {}) | ({"authorization": f"Bearer {key}"} if key else {})
        answer = await self.client.request(method, path, json=body, headers=headers, **more)
        content = await answer.json(content_type=None)
        assert answer.status == status, content
        return content

    async def refused(self, method: str, path: str, body: Any = None, *, status: int = 400, **more: Any) -> Any:
        return (await self.ask(method, path, body, status=status, **more))["error"]


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with private_valkey() as (url, _):
        yield url


Scenario = Callable[[Operator], Coroutine[Any, Any, None]]


@pytest.fixture
def with_operator(valkey_url: str) -> Callable[[Scenario], None]:
    """Runs a scenario with a server of its own, in a loop of its own."""

    async def run(scenario: Scenario) -> None:
        store = await connect(valkey_url)
        await store.client.flushall()
        services = admin_services(store)
        try:
            async with TestServer(admin_app(services)) as server, TestClient(server) as client:
                await scenario(Operator(client, services))
        finally:
            await store.close()

    return lambda scenario: asyncio.run(run(scenario))
