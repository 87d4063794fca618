"""Workers learn from each other, through a real Redis."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.stats.book import Book
from gateway.stats.sharing import FORGOTTEN_AFTER_S, Sharing
from gateway.store import keyspace
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, connect


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def with_store(directory: Path, scenario: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    async def run(url: str) -> None:
        store = await connect(url)
        try:
            await scenario(store)
        finally:
            await store.close()

    server = EmbeddedValkey()
    server.start(directory)
    try:
        asyncio.run(run(server.url))
    finally:
        server.stop()


def test_what_one_worker_has_seen_another_knows_and_forgets_when_it_falls_silent(tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        clock = Clock()
        one, other = Book(clock), Book(clock)
        first, second = Sharing(one, store, clock), Sharing(other, store, clock)
        for _ in range(10):
            one.saw_first_token("p/m@h", 2.0)
            one.saw_tokens("p/m@h", 0.05)
        for _ in range(3):
            other.saw_first_token("q/m@h", 1.0)
        await first.exchange()
        await second.exchange()
        other.refresh()
        known = other.snapshot.targets["p/m@h"]
        assert known.first_token_p50_s == pytest.approx(2.0, rel=0.06)
        assert known.per_token_s == pytest.approx(0.05, rel=0.06)
        assert set(other.snapshot.targets) == {"p/m@h", "q/m@h"}

        clock.now += FORGOTTEN_AFTER_S + 1
        await second.exchange()
        other.refresh()
        assert set(other.snapshot.targets) == {"q/m@h"}
        assert len(await store.client.hgetall(keyspace.observations())) == 1

    with_store(tmp_path, scenario)


def test_what_is_in_no_known_form_is_passed_over(tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        clock = Clock()
        await store.client.hset(keyspace.observations(), "somebody", b'{"at": 1000, "targets": [1]}')
        await store.client.hset(keyspace.observations(), "else", b"nothing")
        book = Book(clock)
        await Sharing(book, store, clock).exchange()
        book.refresh()
        assert not book.snapshot.targets

    with_store(tmp_path, scenario)
