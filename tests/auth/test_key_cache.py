"""What a worker remembers of keys: against a real Valkey, and through outages that a wrapped store plays."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.auth.key_cache import KeyCache
from gateway.auth.key_store import KeyStore
from gateway.auth.keys import KeySpec, digest
from gateway.errors import Unauthorized, Unavailable
from gateway.store.redis import StoreUnavailable, connect
from tests.support.admin_api import private_valkey


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountingKeys(KeyStore):
    """A key store that counts look-ups, and can be away or hang."""

    finds = 0
    away = False
    hangs = False
    during_find: Callable | None = None

    async def find(self, secret_hash):
        self.finds += 1
        if self.away:
            raise StoreUnavailable("away")
        if self.hangs:
            await asyncio.sleep(3_600)
        found = await super().find(secret_hash)
        if self.during_find is not None:
            await self.during_find()
        return found


async def until(condition, deadline_s: float = 5.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(cache: KeyCache):
    task = asyncio.get_running_loop().create_task(cache.run())
    try:
        await until(lambda: cache._announced)
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def refused(cache: KeyCache, secret: str | None, peer: str | None = None) -> Unauthorized:
    with pytest.raises(Unauthorized) as caught:
        await cache.lookup(secret, peer)
    return caught.value


def test_a_known_key_asks_the_store_once(with_store) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        _, secret = await keys.create(KeySpec("app", team="search", models=("qwen3-*",)))
        cache = KeyCache(keys, store, ticks=ticks)
        async with listening(cache):
            assert cache.cached(digest(secret)) is None
            principal = await cache.lookup(secret)
            assert (principal.name, principal.team, principal.models) == ("app", "search", ("qwen3-*",))
            ticks.now += 29
            assert cache.cached(digest(secret)) is principal
            assert keys.finds == 1
            ticks.now += 2
            assert cache.cached(digest(secret)) is None

    with_store(scenario)


def test_without_announcements_a_key_is_asked_after_each_second(with_store) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        _, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, ticks=ticks)
        await cache.lookup(secret)
        ticks.now += 0.9
        assert cache.cached(digest(secret)) is not None
        ticks.now += 0.2
        assert cache.cached(digest(secret)) is None

    with_store(scenario)


def test_missing_unknown_revoked_disabled_and_expired_are_refused_with_one_answer(with_store) -> None:
    async def scenario(store) -> None:
        clock = Clock(1_000)
        keys = KeyStore(store, clock)
        cache = KeyCache(keys, store, clock=clock)
        record, revoked = await keys.create(KeySpec("revoked"))
        await keys.revoke(record.id)
        _, disabled = await keys.create(KeySpec("disabled", disabled=True))
        _, expired = await keys.create(KeySpec("expired", expires_at=999))
        answers = [
            await refused(cache, secret)
            for secret in (None, "", "hr-unknown", "\ud800 hr-\udcff", "x" * 100_000, revoked, disabled, expired)
        ]
        assert len({(a.status, a.code, a.message, tuple(a.headers.items()), a.param) for a in answers}) == 1

    with_store(scenario)


def test_a_key_expires_at_its_moment_although_it_is_cached(with_store) -> None:
    async def scenario(store) -> None:
        clock = Clock(1_000)
        keys = KeyStore(store, clock)
        cache = KeyCache(keys, store, clock=clock, ticks=lambda: 0.0)
        _, secret = await keys.create(KeySpec("app", expires_at=1_010))
        await cache.lookup(secret)
        clock.now = 1_010
        await refused(cache, secret)

    with_store(scenario)


def test_a_rotated_secret_works_until_its_grace_is_over(with_store) -> None:
    async def scenario(store) -> None:
        clock = Clock(1_000)
        keys = KeyStore(store, clock)
        cache = KeyCache(keys, store, clock=clock)
        async with listening(cache):
            record, old = await keys.create(KeySpec("app"))
            _, new = await keys.rotate(record.id, 60)
            assert (await cache.lookup(old)).key_id == (await cache.lookup(new)).key_id
            clock.now = 1_061
            await refused(cache, old)
            await cache.lookup(new)

    with_store(scenario)


def test_a_change_reaches_every_listening_worker_within_a_second(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        record, secret = await keys.create(KeySpec("app"))
        caches = [KeyCache(KeyStore(store), store, ticks=lambda: 0.0) for _ in range(3)]  # nothing ages here
        async with listening(caches[0]), listening(caches[1]), listening(caches[2]):
            for cache in caches:
                await cache.lookup(secret)
            await keys.revoke(record.id)
            for cache in caches:
                await until(lambda cache=cache: cache.cached(digest(secret)) is None, 1.0)
                await refused(cache, secret)

    with_store(scenario)


def test_a_key_made_after_it_was_refused_works_once_announced(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        record, secret = await keys.create(KeySpec("app", disabled=True))
        cache = KeyCache(keys, store, ticks=lambda: 0.0)
        async with listening(cache):
            await refused(cache, secret)
            await keys.update(record.id, {"disabled": False})
            await until(lambda: not cache._refused)
            await cache.lookup(secret)

    with_store(scenario)


def test_a_refusal_is_remembered_for_a_second_and_no_longer(with_store) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        cache = KeyCache(keys, store, ticks=ticks)
        for _ in range(3):
            await refused(cache, "hr-unknown")
        assert keys.finds == 1
        ticks.now += 1
        await refused(cache, "hr-unknown")
        assert keys.finds == 2

    with_store(scenario)


def test_concurrent_misses_ask_once_and_a_caller_who_leaves_does_not_spoil_it_for_others(with_store) -> None:
    async def scenario(store) -> None:
        keys = CountingKeys(store)
        _, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store)
        loop = asyncio.get_running_loop()
        lookups = [loop.create_task(cache.lookup(secret)) for _ in range(20)]
        await asyncio.sleep(0)
        lookups[0].cancel()
        results = await asyncio.gather(*lookups, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert {result.name for result in results[1:]} == {"app"}
        assert keys.finds == 1
        assert not cache._flights

    with_store(scenario)


def test_a_revocation_announced_while_the_record_is_being_read_wins(with_store) -> None:
    async def scenario(store) -> None:
        keys = CountingKeys(store)
        record, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, ticks=lambda: 0.0)

        async def revoke_meanwhile() -> None:
            keys.during_find = None
            await KeyStore(store).revoke(record.id)
            await until(lambda: digest(secret) in cache._outdated)

        async with listening(cache):
            keys.during_find = revoke_meanwhile
            await refused(cache, secret)

    with_store(scenario)


@pytest.mark.parametrize("on_outage", ["lease", "open"])
def test_a_known_key_goes_on_while_the_store_is_away_and_an_unknown_one_gets_503(with_store, on_outage) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        _, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, on_outage=on_outage, ticks=ticks)
        await cache.lookup(secret)
        keys.away = True
        for _ in range(10):
            ticks.now += 0.3
            assert (await cache.lookup(secret)).name == "app"
        assert keys.finds <= 5
        with pytest.raises(Unavailable) as caught:
            await cache.lookup("hr-unknown")
        assert (caught.value.status, caught.value.code) == (503, "store_unavailable")
        assert "retry-after" in caught.value.headers
        keys.away = False
        ticks.now += 1.1
        await refused(cache, "hr-unknown")

    with_store(scenario)


def test_closed_refuses_known_keys_too_while_the_store_is_away(with_store) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        _, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, on_outage="closed", ticks=ticks)
        await cache.lookup(secret)
        keys.away = True
        ticks.now += 1.1
        with pytest.raises(Unavailable):
            await cache.lookup(secret)

    with_store(scenario)


def test_a_known_key_does_not_wait_long_for_a_store_that_hangs(with_store) -> None:
    async def scenario(store) -> None:
        keys, ticks = CountingKeys(store), Clock()
        _, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, ticks=ticks)
        await cache.lookup(secret)
        keys.hangs = True
        ticks.now += 60
        async with asyncio.timeout(2):
            assert (await cache.lookup(secret)).name == "app"
            for flight in [*cache._flights.values()]:
                flight.cancel()

    with_store(scenario)


def test_a_key_expires_during_an_outage_too(with_store) -> None:
    async def scenario(store) -> None:
        clock, ticks = Clock(1_000), Clock()
        keys = CountingKeys(store, clock)
        _, secret = await keys.create(KeySpec("app", expires_at=1_010))
        cache = KeyCache(keys, store, clock=clock, ticks=ticks)
        await cache.lookup(secret)
        keys.away = True
        clock.now, ticks.now = 1_011, ticks.now + 11
        await refused(cache, secret)

    with_store(scenario)


def test_a_lost_subscription_makes_every_key_be_asked_after_again(with_store) -> None:
    async def scenario(store) -> None:
        keys = CountingKeys(store)
        record, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store, ticks=lambda: 0.0)
        async with listening(cache):
            await cache.lookup(secret)
            generation = cache._generation
            await store.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: cache._generation > generation and cache._announced)
            assert cache.cached(digest(secret)) is None
            await cache.lookup(secret)
            assert cache.cached(digest(secret)) is not None
            await keys.revoke(record.id)  # and announcements are heard again
            await until(lambda: cache.cached(digest(secret)) is None)

    with_store(scenario)


def test_both_memories_are_bounded_and_the_least_used_goes_first(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        cache = KeyCache(keys, store, ticks=lambda: 0.0, size=2, refused_size=3)
        secrets = [(await keys.create(KeySpec(f"k{number}")))[1] for number in range(3)]
        await cache.lookup(secrets[0])
        await cache.lookup(secrets[1])
        await cache.lookup(secrets[0])
        await cache.lookup(secrets[2])
        assert set(cache._known) == {digest(secrets[0]), digest(secrets[2])}
        for number in range(5):
            await refused(cache, f"hr-{number}")
        assert len(cache._refused) == 3

    with_store(scenario)


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True),
        ("11.1.2.3", False),
        ("2001:db8::1", False),
        (None, False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_key_bound_to_networks_works_from_them_alone(with_store, peer, admitted) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        _, secret = await keys.create(KeySpec("app", allowed_cidrs=("10.0.0.0/8", "fe80::/10")))
        cache = KeyCache(keys, store)
        for _ in range(2):  # read, and from memory
            if admitted:
                await cache.lookup(secret, peer)
            else:
                await refused(cache, secret, peer)

    with_store(scenario)


def test_through_a_real_server_that_is_paused_and_goes_on() -> None:
    async def scenario(url: str, pid: int) -> None:
        store = await connect(url)
        keys = KeyStore(store)
        record, secret = await keys.create(KeySpec("app"))
        cache = KeyCache(keys, store)
        try:
            async with listening(cache):
                await cache.lookup(secret)
                os.kill(pid, signal.SIGSTOP)
                try:
                    with pytest.raises(Unavailable):
                        await cache.lookup("hr-unknown")
                    assert not cache._announced
                    assert (await cache.lookup(secret)).name == "app"
                finally:
                    os.kill(pid, signal.SIGCONT)
                await until(lambda: cache._announced, 10.0)
                assert (await cache.lookup(secret)).name == "app"
                await keys.revoke(record.id)
                await until(lambda: cache.cached(digest(secret)) is None, 1.0)
                await refused(cache, secret)
        finally:
            await store.close()

    with private_valkey() as (url, pid):
        asyncio.run(scenario(url, pid))
