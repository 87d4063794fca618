"""One purse, step by step: grants, waiting, giving back, and a Redis that comes and goes."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.allowances import Budget
from gateway.limits.budget import Purse
from gateway.limits.refusals import InsufficientQuota, RateLimited, StoreAway
from gateway.limits.upkeep import close_leases
from gateway.store import keyspace
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, StoreUnavailable
from tests.limits.conftest import Run
from tests.limits.making import MILLI, USD, Who, Worker, money, tokens_out, with_budget, workers, working

A_DOLLAR = with_budget(1, "total")


async def reserve(worker: Worker, who: Who, tokens: int, within_s: float = 0.2) -> Any:
    ticket = await worker.ticket(who)
    bound = tokens_out(tokens)
    held = worker.admission.reserve_held(ticket, bound.nano)
    if held is None:
        held, _ = await worker.admission.reserve(ticket, bound, worker.teller.clock() + within_s)
    return held


def purse(worker: Worker) -> Purse:
    (found,) = worker.admission.accounts.by_id["key_a"].purses.values()
    return found


def test_what_is_reserved_elsewhere_is_waited_for_and_then_told(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(2, valkey.url, tmp_path) as (one, other):
            held = await reserve(one, A_DOLLAR, 900)
            with pytest.raises(RateLimited) as refused:
                await reserve(other, A_DOLLAR, 200)
            assert (refused.value.status, refused.value.code) == (429, "budget_reserved")
            assert await money(store, "key_a", "total") == (0, 900 * MILLI)
            waiting = asyncio.create_task(reserve(other, A_DOLLAR, 200, within_s=10))
            async with working(one):
                await asyncio.sleep(0.1)
                held.settle(100 * MILLI)
                assert (await waiting).nano == 200 * MILLI

    run(scenario)


def test_who_waits_is_served_in_order(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(_: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            held = await reserve(worker, A_DOLLAR, 1000)
            served: list[int] = []

            async def ask(number: int) -> None:
                # The first one needs the most: others could go before it, and must not.
                got = await reserve(worker, A_DOLLAR, 900 if number == 0 else 10, within_s=10)
                served.append(number)
                got.settle(0)

            asking = []
            for number in range(5):
                asking.append(asyncio.create_task(ask(number)))
                await asyncio.sleep(0.01)
            assert not served
            held.settle(0)
            await asyncio.gather(*asking)
            assert served == [0, 1, 2, 3, 4]

    run(scenario)


def test_a_queue_has_an_end(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(_: Store) -> None:
        async with workers(1, valkey.url, tmp_path, queue_cap=3) as (worker,):
            await reserve(worker, A_DOLLAR, 1000)
            asked = await asyncio.gather(
                *(reserve(worker, A_DOLLAR, 10, within_s=0.3) for _ in range(8)), return_exceptions=True
            )
            assert all(isinstance(each, RateLimited) and each.code == "budget_reserved" for each in asked)
            assert worker.teller.calls < 20

    run(scenario)


def test_402_is_decided_against_what_is_settled_alone(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,), working(worker):
            await worker.serve(A_DOLLAR, 900, 900)
            with pytest.raises(InsufficientQuota) as refused:
                await reserve(worker, A_DOLLAR, 200, within_s=10)
            assert refused.value.metadata["spent_usd"] == "0.9"
            assert "may cost up to $0.2" in refused.value.message
            assert await reserve(worker, A_DOLLAR, 100)

    run(scenario)


def test_a_low_budget_lowers_the_limit_to_what_is_left(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(_: Store) -> None:
        who = with_budget(1, "total", on_low="lower")
        async with workers(1, valkey.url, tmp_path) as (worker,), working(worker):
            record = await worker.serve(who, 900, 900)
            record = await worker.serve(who, 900, 900)
            assert record.charged_nano == 100 * MILLI
            assert worker.admission.lowered == 1
            with pytest.raises(InsufficientQuota):
                await worker.serve(who, 900, 900)

    run(scenario)


def test_a_slice_is_at_most_a_thirty_second_of_the_rest_and_goes_back_at_rest(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            for _ in range(30):
                (await reserve(worker, A_DOLLAR, 10)).settle(0)
            assert worker.teller.calls < 30
            assert 0 < purse(worker).unspent <= 10 * MILLI + USD // 32
            for _ in range(2):
                await worker.upkeep.beat()
                purse(worker).touched_at -= 1.0
            await worker.upkeep.beat()
            assert await money(store, "key_a", "total") == (0, 0)

    run(scenario)


def test_a_starving_worker_gets_what_others_hold_unused(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(_: Store) -> None:
        async with workers(2, valkey.url, tmp_path) as (rich, poor):
            hearing = asyncio.create_task(rich.upkeep._hear_the_starving())
            held = await reserve(rich, A_DOLLAR, 950)
            held.settle(0)  # 950 unspent, and no beat that would bring them back
            await asyncio.sleep(0.1)
            began = poor.teller.clock()
            assert (await reserve(poor, A_DOLLAR, 500, within_s=5)).nano == 500 * MILLI
            assert poor.teller.clock() - began < 1.0
            hearing.cancel()

    run(scenario)


def test_a_key_is_admitted_by_team_and_organisation_too(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    from gateway.catalog.allowances import Allowance
    from gateway.limits.allowance_store import AllowanceStore

    async def scenario(store: Store) -> None:
        await AllowanceStore(store).put("organisation", Allowance(None, Budget(USD // 2, "month")))
        async with workers(1, valkey.url, tmp_path) as (worker,), working(worker):
            await worker.upkeep.reload()
            with pytest.raises(InsufficientQuota, match="budget of the organisation"):
                await worker.serve(A_DOLLAR, 600, 1)
            await worker.serve(A_DOLLAR, 300, 300)
            with pytest.raises(InsufficientQuota):
                await worker.serve(dataclasses.replace(A_DOLLAR, key_id="key_b"), 300, 300, within_s=10)

    run(scenario)


def test_a_redis_that_forgot_grants_nothing_until_holders_have_spoken(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(2, valkey.url, tmp_path) as (one, other):
            held = await reserve(one, A_DOLLAR, 900)
            # Another server, which has lost the grant, and its last words are of before it.
            name = keyspace.money("key_a", "total")
            await store.client.hset(name, mapping={"run": "another", "open": 0, "settled": 0})  # type: ignore[misc]
            await store.client.delete(keyspace.leases(keyspace.partition_of("key_a"), one.journal.id))
            with pytest.raises(RateLimited):
                await reserve(other, A_DOLLAR, 900, within_s=0.5)
            one.upkeep._run_id = "another"
            await one.upkeep.beat()
            assert await money(store, "key_a", "total") == (0, 900 * MILLI)
            with pytest.raises(RateLimited):
                await reserve(other, A_DOLLAR, 900, within_s=3.5)
            assert await reserve(other, A_DOLLAR, 100, within_s=1)
            held.settle(0)

    run(scenario)


def test_without_contact_what_was_granted_last_is_not_spent(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(_: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            (await reserve(worker, A_DOLLAR, 100)).settle(0)
            ask, know = worker.store.run, worker.store.run_id

            async def away(*_: Any) -> Any:
                raise StoreUnavailable("gone")

            worker.store.run = worker.store.run_id = away  # type: ignore[method-assign]
            await worker.upkeep.beat()
            with pytest.raises(StoreAway):
                await reserve(worker, A_DOLLAR, 50)
            worker.store.run, worker.store.run_id = ask, know  # type: ignore[method-assign]
            await worker.upkeep.beat()
            assert purse(worker).frozen == 0
            assert await reserve(worker, A_DOLLAR, 50)

    run(scenario)


def test_a_call_that_was_overtaken_changes_nothing(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,):
            held = await reserve(worker, A_DOLLAR, 900)
            purse(worker).seq -= 1
            assert await worker.teller.money(purse(worker), 50) == "old"
            assert await money(store, "key_a", "total") == (0, 900 * MILLI)
            held.settle(0)

    run(scenario)


def test_what_a_closed_journal_held_is_free_and_its_late_calls_are_not_heard(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def scenario(store: Store) -> None:
        async with workers(2, valkey.url, tmp_path) as (dead, living):
            await reserve(dead, A_DOLLAR, 900)
            for _ in range(2):
                await close_leases(store, dead.journal.id)
                assert await money(store, "key_a", "total") == (0, 0)
            assert await dead.teller.money(purse(dead), 900 * MILLI) == "old"
            assert await reserve(living, A_DOLLAR, 1000)

    run(scenario)


def test_a_lowered_budget_holds_for_what_is_already_leased(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        async with workers(1, valkey.url, tmp_path) as (worker,), working(worker):
            (await reserve(worker, A_DOLLAR, 500)).settle(0)
            assert purse(worker).unspent >= 500 * MILLI
            with pytest.raises(InsufficientQuota):
                await reserve(worker, with_budget(0.1, "total"), 200)
            assert await money(store, "key_a", "total") == (0, 0)

    run(scenario)
