"""Budgets hold, under any concurrency, and can be used up."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.limits.refusals import InsufficientQuota
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, connect
from tests.limits.conftest import Run
from tests.limits.making import USD, money, with_budget, workers, working


def test_a_dollar_under_a_thousand_requests_at_once_is_used_and_not_passed(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    who = with_budget(1, "total")

    async def scenario(store: Store) -> None:
        async with workers(4, valkey.url, tmp_path) as four, AsyncExitStack() as stack:
            for worker in four:
                await stack.enter_async_context(working(worker))
            dice = random.Random(1)

            async def ask(number: int) -> int:
                try:
                    record = await four[number % 4].serve(who, 20, dice.randint(1, 20), takes_s=dice.random() / 20)
                except InsufficientQuota:
                    return 0
                return record.cost_nano or 0

            watching = asyncio.create_task(watch())
            spent = sum(await asyncio.gather(*(ask(number) for number in range(1000))))
            assert 0.95 * USD <= spent <= USD
            await at_rest(store, spent)
        over.set()
        await watching
        assert seen, "somebody watched"
        assert max(seen) <= USD

    seen: list[int] = []
    over = asyncio.Event()

    async def watch() -> None:
        other = await connect(valkey.url)
        try:
            while not over.is_set():
                seen.append(sum(await money(other, "key_a", "total")))
                await asyncio.sleep(0.005)
        finally:
            await other.close()

    run(scenario)


async def at_rest(store: Store, spent: int) -> None:
    for _ in range(100):
        if await money(store, "key_a", "total") == (spent, 0):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{await money(store, 'key_a', 'total')}, spent {spent}")
