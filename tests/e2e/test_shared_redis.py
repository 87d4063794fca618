"""One Redis for several gateways: keys, their revocation and the ledger are everyone's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeGateway
from tests.support import rules
from tests.support.books import entry, usage_of_key
from tests.support.caller import Caller
from tests.support.gateway import Gateway, processes_below
from tests.support.patience import eventually
from tests.support.redis_server import RedisServer
from tests.support.upstream import Upstream


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def two(redis: RedisServer, upstream: Upstream, make_gateway: MakeGateway) -> tuple[Gateway, Gateway]:
    environment = {"HEADRACE_REDIS_URL": redis.url}
    document = rules.minimal(upstream.port)
    first, second = (make_gateway(document, workers=1, environment=environment) for _ in range(2))
    return first.start(), second.start()


def test_no_embedded_server_is_started_beside_a_named_one(two: tuple[Gateway, Gateway]) -> None:
    assert not [name for _, name in processes_below(two[0].pid) if "valkey" in name]
    for gateway in two:
        gateway.stop()


def test_a_key_made_on_one_works_on_the_other_and_is_revoked_on_both_within_a_second(
    two: tuple[Gateway, Gateway], model: str
) -> None:
    first, second = two
    created = first.create_key()
    elsewhere = Caller(second.base_url, created["key"])
    assert elsewhere.chat(model).status == 200
    assert first.admin.call("DELETE", f"/admin/v1/keys/{created['id']}").status in (200, 204)
    eventually(lambda: elsewhere.chat(model).status == 401, within_s=1.0, what="refused by the other gateway")
    for gateway in two:
        gateway.stop()


def test_both_write_one_ledger(two: tuple[Gateway, Gateway], model: str) -> None:
    first, second = two
    created = first.create_key()
    ids = [Caller(gateway.base_url, created["key"]).chat(model).headers["x-request-id"] for gateway in (*two, *two)]
    for gateway in two:
        assert usage_of_key(gateway, created["id"], lambda row: row["requests"] == 4)["output_tokens"] == 20
    assert entry(second, ids[0])["id"] == ids[0]
    assert entry(first, ids[1])["id"] == ids[1]
    for gateway in two:
        gateway.stop()


def test_a_shared_redis_needs_an_admin_key_to_be_given(
    redis: RedisServer, upstream: Upstream, make_gateway: MakeGateway
) -> None:
    gateway = make_gateway(rules.minimal(upstream.port), environment={"HEADRACE_REDIS_URL": redis.url})
    del gateway.environment["HEADRACE_ADMIN_KEY"]
    status, text = gateway.run_to_its_end()
    assert status != 0
    assert "HEADRACE_ADMIN_KEY" in text
    assert len(text.strip().splitlines()) == 1
