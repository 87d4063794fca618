"""The store against a real server that is also killed and paused."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.store import keyspace
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Script, Store, StoreUnavailable, connect
from tests.store.test_embedded import pid_of
from tests.support.patience import eventually


def run(valkey: EmbeddedValkey, scenario: Callable[[Store], Awaitable[None]]) -> None:
    async def with_store() -> None:
        store = await connect(valkey.url)
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(with_store())


async def until(condition: Callable[[], Any], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.01)


ECHO = Script("echo", "return {KEYS[1], ARGV[1]}", "0f0c70a3a3a1e5a0a39d3b7c4d4d3b7c4d4d3b7c")


def test_a_script_that_the_server_does_not_know_is_sent_whole(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        assert await store.run(ECHO, ["k"], ["v"]) == [b"k", b"v"]

    run(valkey, scenario)


def test_every_script_of_ours_loads() -> None:
    assert Script.load("apply_records").text.startswith("--")


def test_reads_in_one_round_trip_come_in_order(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        await store.client.set("a", "1")
        assert await store.execute_all([("GET", "a"), ("GET", "b")]) == [b"1", None]
        assert await store.execute_all([]) == []

    run(valkey, scenario)


def test_a_server_that_is_gone_is_unavailable_and_comes_back(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        before = await store.run_id()
        os.kill(pid_of(valkey), signal.SIGKILL)
        await until(lambda: not valkey.alive())
        with pytest.raises(StoreUnavailable, match="unix://"):
            await store.client.get("a")
        assert not store.up
        with pytest.raises(StoreUnavailable):
            await store.execute_all([("GET", "a")])
        valkey.restart()
        await store.ping()
        assert store.up
        assert await store.run_id() != before

    run(valkey, scenario)


def test_a_server_that_hangs_costs_a_second_or_two_and_no_more(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        pid = pid_of(valkey)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.run(ECHO, ["k"], ["v"])
            assert time.monotonic() - began < 5
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await store.run(ECHO, ["k"], ["v"]) == [b"k", b"v"]

    run(valkey, scenario)


def test_a_command_that_is_wrong_is_not_an_outage(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        await store.client.set("a", "1")
        with pytest.raises(Exception, match="WRONGTYPE") as failure:
            await store.client.hget("a", "b")
        assert not isinstance(failure.value, StoreUnavailable)

    run(valkey, scenario)


def test_a_subscriber_hears_messages_and_is_told_of_a_lost_connection(valkey: EmbeddedValkey) -> None:
    async def scenario(store: Store) -> None:
        heard: list[bytes | None] = []

        async def listen() -> None:
            async for message in store.subscribe("channel"):
                heard.append(message)

        listener = asyncio.create_task(listen())
        await until(lambda: heard == [None])
        await store.client.publish("channel", b"one")
        await until(lambda: heard == [None, b"one"])
        os.kill(pid_of(valkey), signal.SIGKILL)
        await until(lambda: not valkey.alive())
        valkey.restart()
        await until(lambda: heard == [None, b"one", None])
        await store.client.publish("channel", b"two")
        await until(lambda: heard[-1] == b"two")
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    run(valkey, scenario)


def test_connecting_to_nothing_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        asyncio.run(connect("redis://127.0.0.1:1/0"))


def test_accounts_spread_over_all_partitions_and_stay_where_they_are() -> None:
    assert {keyspace.partition_of(f"key_{number}") for number in range(2_000)} == set(range(64))
    assert keyspace.partition_of("key_a") == keyspace.partition_of("key_a") == 58


def test_what_one_script_touches_shares_a_hash_tag() -> None:
    names = (
        keyspace.applied,
        keyspace.dimensions,
        keyspace.recent,
        keyspace.requests,
        keyspace.days,
        lambda partition: keyspace.usage_of_hour(partition, 1),
        lambda partition: keyspace.usage_of_day(partition, 1),
    )
    assert all(":{p7}:" in name(7) for name in names)
    of_keys = (keyspace.key("a"), keyspace.key_by_hash("b"), keyspace.keys_index(), keyspace.invalidations())
    assert all(":{keys}:" in name for name in of_keys)


def test_eventually_is_not_forever() -> None:
    with pytest.raises(AssertionError):
        eventually(lambda: False, within_s=0.01)
