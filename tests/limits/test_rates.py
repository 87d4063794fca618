"""Requests and tokens per minute, and requests in flight, over several workers on one Redis."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.allowances import Allowance, Limits
from gateway.limits.allowance_store import AllowanceStore
from gateway.limits.refusals import RateLimited, StoreAway
from gateway.store import keyspace
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, StoreUnavailable
from tests.limits.conftest import Run
from tests.limits.making import Who, Worker, with_limits, workers


async def counted(store: Store, account: str = "key_a", kind: bytes = b"r:") -> int:
    found: dict[bytes, bytes] = await store.client.hgetall(keyspace.rates(account))  # type: ignore[misc]
    return sum(int(value) for name, value in found.items() if name.startswith(kind))


async def rush(made: list[Worker], who: Who, requests: int, tokens: int = 1) -> tuple[list[Any], list[RateLimited]]:
    """So many requests at once, over all workers: tickets and refusals."""
    asked = await asyncio.gather(
        *(made[n % len(made)].ticket(who, tokens) for n in range(requests)), return_exceptions=True
    )
    refused = [each for each in asked if isinstance(each, RateLimited)]
    tickets = [each for each in asked if not isinstance(each, BaseException)]
    assert len(refused) + len(tickets) == requests, asked
    return tickets, refused


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_no_more_requests_are_admitted_in_a_minute_than_the_limit(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path, limit: int
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(4, valkey.url, tmp_path) as made:
            who = with_limits(rpm=limit)
            tickets, refused = await rush(made, who, limit + 50)
            # A slice in hand elsewhere may refuse one a moment too early, never admit one too many.
            assert limit * 31 // 32 <= len(tickets) <= limit
            assert all(each.code == "rate_limit_exceeded" for each in refused)
            assert all(0 < int(each.headers["retry-after"]) <= 60 for each in refused)
            for worker in made:
                await worker.upkeep.beat()
            again, _ = await rush(made, who, 50)
            assert len(tickets) + len(again) <= limit

    run(scenario)


def test_a_refusal_uses_up_nothing(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        await AllowanceStore(store).put("team:search", Allowance(Limits(rpm=1)))
        async with workers(1, valkey.url, tmp_path) as (worker,):
            await worker.upkeep.reload()
            who = Who(team="search", limits=Limits(rpm=100, tpm=1000))
            tickets, refused = await rush([worker], who, 5, tokens=10)
            assert (len(tickets), len(refused)) == (1, 4)
            await asyncio.sleep(1.0)  # the second of the slices ends
            await worker.upkeep.beat()
            assert await counted(store) == 1
            assert await counted(store, kind=b"t:") == 10

    run(scenario)


def test_tokens_are_corrected_when_the_request_has_ended(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            who = with_limits(tpm=1000)
            less, more = await worker.ticket(who, 300), await worker.ticket(who, 300)
            less.used, more.used = 100, 350
            await asyncio.sleep(1.0)
            less.close(worker.teller.clock())
            more.close(worker.teller.clock())
            await worker.upkeep.beat()
            assert await counted(store, kind=b"t:") == 450
            with pytest.raises(RateLimited, match="1000 tokens per minute") as refused:
                await worker.ticket(who, 600)
            assert refused.value.headers["x-ratelimit-remaining-tokens"] == "550"

    run(scenario)


def test_a_request_that_is_larger_than_the_limit_is_refused_for_good(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(_: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            with pytest.raises(RateLimited) as refused:
                await worker.admission.admit(with_limits(tpm=1000), 5000, at_least=4000)
            assert not refused.value.retry
            assert "retry-after" not in refused.value.headers
            # One that merely may write so much counts as the whole minute.
            assert await worker.admission.admit(with_limits(tpm=1000), 5000, at_least=10)

    run(scenario)


def test_requests_in_flight_are_bounded_over_all_workers_and_come_back(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(3, valkey.url, tmp_path) as made:
            who = with_limits(concurrency=10)
            tickets, refused = await rush(made, who, 40)
            assert len(tickets) == 10
            assert {each.code for each in refused} == {"concurrency_exceeded"}
            for ticket in tickets:
                ticket.close(0.0)
                ticket.close(0.0)
            for worker in made:
                await worker.upkeep.beat()
            tickets, _ = await rush(made[:1], who, 20)
            assert len(tickets) == 10

    run(scenario)


def test_a_dead_workers_permits_are_free_again(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        async with workers(2, valkey.url, tmp_path) as (dead, living):
            who = with_limits(concurrency=1)
            await dead.ticket(who)
            with pytest.raises(RateLimited):
                await living.ticket(who)
            # As if ten seconds had passed in which nobody confirmed it.
            second = int((await store.client.time())[0])
            await store.client.hset(keyspace.rates("key_a"), f"c:{dead.journal.id}", f"1 {second}")  # type: ignore[misc]
            assert await living.ticket(who)

    run(scenario)


@pytest.mark.parametrize(("mode", "admitted"), [("lease", 3), ("open", 40), ("closed", 0)])
def test_while_redis_is_away_known_keys_go_on_as_the_operator_says(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path, mode: str, admitted: int
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path, on_outage=mode) as (worker,):

            async def away(*_: Any) -> None:
                raise StoreUnavailable("gone")

            worker.store.run = away  # type: ignore[method-assign]
            served = 0
            for _ in range(40):
                with suppress(StoreAway):
                    await worker.ticket(with_limits(rpm=100))
                    served += 1
            assert served == admitted  # lease: a thirty-second part of the limit

    run(scenario)
