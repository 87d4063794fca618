"""Keys in a real Valkey."""

import asyncio
import re

import pytest

from gateway.auth.key_store import KeyStore
from gateway.auth.keys import KeySpec, digest
from gateway.errors import Conflict, NotFound
from gateway.store import keyspace


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_new_key_has_256_random_bits_and_only_its_hash_is_stored(with_store) -> None:
    async def scenario(store) -> None:
        _, secret = await KeyStore(store).create(KeySpec("app"))
        assert re.fullmatch(r"hr-[A-Za-z0-9_-]{43}", secret)
        for name in await store.client.keys("*"):
            kind = await store.client.type(name)
            value = await store.client.get(name) if kind == b"string" else b""
            assert secret.encode() not in name + value
            assert secret[3:].encode() not in name + value

    with_store(scenario)


def test_a_key_is_found_by_its_hash_and_by_its_id(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        spec = KeySpec("app", team="search", tags={"env": "prod"}, models=("qwen3-*",), allowed_cidrs=("10.0.0.0/8",))
        record, secret = await keys.create(spec)
        assert await keys.get(record.id) == record
        assert await keys.find(digest(secret)) == (record, None)
        assert await keys.find(digest("hr-other")) is None
        with pytest.raises(NotFound):
            await keys.get("key_none")

    with_store(scenario)


def test_listing_gives_the_newest_first_in_pages_that_neither_skip_nor_repeat(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store, Clock())  # all made at the same instant
        made = [(await keys.create(KeySpec(f"k{number}")))[0].id for number in range(7)]
        seen, cursor = [], None
        while True:
            page, cursor = await keys.list(3, cursor)
            seen += [record.id for record in page]
            if cursor is None:
                break
        assert seen == made[::-1]
        assert await keys.list(3, 1) == ([], None)

    with_store(scenario)


def test_an_update_changes_what_it_names_and_nothing_else(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        record, secret = await keys.create(KeySpec("app", team="search"))
        changed = await keys.update(record.id, {"disabled": True})
        assert (changed.spec.disabled, changed.spec.team) == (True, "search")
        assert await keys.find(digest(secret)) == (changed, None)

    with_store(scenario)


def test_concurrent_updates_of_one_key_are_all_kept(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        record, _ = await keys.create(KeySpec("app"))
        await asyncio.gather(
            keys.update(record.id, {"team": "search"}),
            keys.update(record.id, {"name": "other"}),
            keys.update(record.id, {"models": ("a",)}),
            keys.update(record.id, {"priority": 3}),
        )
        spec = (await keys.get(record.id)).spec
        assert (spec.team, spec.name, spec.models, spec.priority) == ("search", "other", ("a",), 3)

    with_store(scenario)


def test_a_revoked_key_is_gone_by_hash_stays_by_id_and_never_comes_back(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store)
        record, secret = await keys.create(KeySpec("app"))
        revoked = await keys.revoke(record.id)
        assert revoked.revoked_at is not None
        assert revoked.status(0) == "revoked"
        assert await keys.find(digest(secret)) is None
        assert not await store.client.exists(keyspace.key_by_hash(digest(secret)))
        assert await keys.revoke(record.id) == revoked
        with pytest.raises(Conflict):
            await keys.update(record.id, {"disabled": False})
        with pytest.raises(Conflict):
            await keys.rotate(record.id, 0)

    with_store(scenario)


def test_a_rotation_lets_the_old_secret_live_for_its_grace(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store, Clock(1_000))
        record, old = await keys.create(KeySpec("app"))
        rotated, new = await keys.rotate(record.id, 60)
        assert rotated.last_four == new[-4:]
        assert await keys.find(digest(old)) == (rotated, 1_060)
        assert await keys.find(digest(new)) == (rotated, None)

    with_store(scenario)


def test_no_older_secret_outlives_the_shortest_grace(with_store) -> None:
    async def scenario(store) -> None:
        keys = KeyStore(store, Clock(1_000))
        record, first = await keys.create(KeySpec("app"))
        _, second = await keys.rotate(record.id, 3_600)
        await keys.rotate(record.id, 60)
        assert (await keys.find(digest(first)))[1] == 1_060
        _, last = await keys.rotate(record.id, 0)
        assert await keys.find(digest(first)) is None
        assert await keys.find(digest(second)) is None
        assert await keys.find(digest(last)) is not None
        assert len(await store.client.keys(keyspace.key_by_hash("*"))) == 1

    with_store(scenario)


def test_the_first_key_is_made_once_whoever_starts_first_and_not_beside_another(with_store) -> None:
    async def scenario(store) -> None:
        secrets = await asyncio.gather(*(KeyStore(store).create_first() for _ in range(5)))
        assert len([secret for secret in secrets if secret]) == 1
        [record], _ = await KeyStore(store).list()
        assert record.spec.name == "first key"
        await KeyStore(store).revoke(record.id)
        assert await KeyStore(store).create_first() is None

    with_store(scenario)


def test_no_representation_shows_a_secret_or_its_hash(with_store) -> None:
    async def scenario(store) -> None:
        record, secret = await KeyStore(store).create(KeySpec("app"))
        assert digest(secret) not in repr(record)
        assert secret not in repr(record)

    with_store(scenario)
