"""Random requests over several workers, with costs, failures, leaving callers, abandoned workers and a Redis that is
killed: at every step settled + open ≤ limit, and at rest nothing is open."""

import asyncio
import contextlib
import os
import random
from pathlib import Path
from typing import Any

from gateway.catalog.allowances import Allowance, Budget, Limits
from gateway.limits.allowance_store import AllowanceStore
from gateway.limits.refusals import Refusal
from gateway.limits.upkeep import close_leases
from gateway.metering.cube import Cube
from gateway.metering.journal import Journal
from gateway.metering.orphans import Orphans
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Script, Store, StoreUnavailable, connect
from tests.limits.conftest import Run
from tests.limits.making import MILLI, USD, Who, Worker, money, working

KEYS = [Who(f"key_{n}", f"k{n}", "search" if n % 2 else "ads", budget=Budget(USD, "total")) for n in range(4)]
LIMITS = {"team:search": 1_500 * MILLI, "team:ads": 1_500 * MILLI, "organisation": 2_500 * MILLI}
LIMITS |= {who.key_id: USD for who in KEYS}


class Storm:
    def __init__(self, url: str, directory: Path, seed: int) -> None:
        self.url = url
        self.directory = directory
        self.dice = random.Random(seed)
        self.spent: dict[str, int] = {}
        self.refused = 0
        self.worst: dict[str, int] = {}
        self.over = False
        self.made: list[Worker] = []

    async def worker(self) -> Worker:
        made = Worker(await connect(self.url), Journal.open(self.directory))
        await made.upkeep.reload()
        return made

    async def request(self, worker: Worker) -> None:
        who = self.dice.choice(KEYS)
        most = self.dice.choice([1, 5, 20, 60])
        takes_s = self.dice.choice([0, 0.001, 0.01, 0.1])
        serving = asyncio.create_task(
            worker.serve(who, most, self.dice.randint(1, most), takes_s=takes_s, within_s=self.dice.choice([0.05, 1.5]))
        )
        leaves = self.dice.random() < 0.2
        if leaves:
            await asyncio.sleep(self.dice.random() / 20)
            serving.cancel()
        try:
            await serving
        except Refusal:
            self.refused += 1
        except asyncio.CancelledError:
            if not leaves:
                raise

    async def watch(self) -> None:
        """In one step per account: what is settled and what is open never pass the limit together."""
        while not self.over:
            with contextlib.suppress(StoreUnavailable):
                other = await connect(self.url)
                try:
                    while not self.over:
                        for account in LIMITS:
                            self.worst[account] = max(
                                self.worst.get(account, 0), sum(await money(other, account, "total"))
                            )
                        await asyncio.sleep(0.002)
                finally:
                    await other.close()
            await asyncio.sleep(0.02)

    async def rests(self, store: Store) -> dict[str, tuple[int, int]]:
        """Once all that is to be paid is settled and nothing is open; or as it is after a while."""
        found: dict[str, tuple[int, int]] = {}
        bill = billed(self.directory)
        for _ in range(120):
            found = {account: await money(store, account, "total") for account in LIMITS}
            if found == {account: (bill.get(account, 0), 0) for account in LIMITS}:
                break
            await asyncio.sleep(0.1)
        return found


async def put_limits(store: Store) -> None:
    for account, nano in LIMITS.items():
        if not account.startswith("key_"):
            await AllowanceStore(store).put(account, Allowance(Limits(), Budget(nano, "total")))


def billed(directory: Path) -> dict[str, int]:
    """By account, from all journals: what there is to pay."""
    from gateway.metering.lines import done_number, read_done

    sums: dict[str, int] = {}
    for path in directory.glob("*.log"):
        for line in path.read_bytes().splitlines():
            if done_number(line) is not None:
                record = read_done(line).record
                for account, _ in record.start.charged_to:
                    sums[account] = sums.get(account, 0) + record.charged_nano
    return sums


async def weather(storm: Storm, store: Store, trouble: Any) -> None:
    await put_limits(store)
    storm.made = [await storm.worker() for _ in range(4)]
    made = list(storm.made)
    watching = asyncio.create_task(storm.watch())
    async with contextlib.AsyncExitStack() as stack:
        for worker in made:
            await stack.enter_async_context(working(worker))
        for round_ in range(8):
            requests = [asyncio.create_task(storm.request(made[n % len(made)])) for n in range(150)]
            await trouble(round_, made)
            await asyncio.gather(*requests, return_exceptions=True)
        orphans = Orphans(storm.directory, store, Script.load("apply_records"), Cube(), close_leases=close_leases)
        orphans.adopt()
        for _ in range(50):
            with contextlib.suppress(StoreUnavailable):
                await orphans.verify()
                await orphans.flush()
                await orphans.drop_applied(3600)
                break
            await asyncio.sleep(0.1)
        found = await storm.rests(store)
        storm.over = True
        await watching
        orphans.close()
    for worker in storm.made:
        if not worker.killed:
            worker.journal.close()
        await worker.store.close()
    bill = billed(storm.directory)
    assert {account: settled for account, (settled, _) in found.items()} == {name: bill.get(name, 0) for name in found}
    assert {account: open_ for account, (_, open_) in found.items()} == dict.fromkeys(found, 0)
    assert set(storm.worst) == set(LIMITS)
    assert {account: worst for account, worst in storm.worst.items() if worst > LIMITS[account]} == {}
    assert found["organisation"][0] > 0.2 * LIMITS["organisation"], "there was something to pay"


def die(worker: Worker) -> None:
    """As by `kill -9`: its journal stays as it is, with its open attempts, and nobody speaks for it any more."""
    worker.store.run = worker.store.run_id = gone  # type: ignore[method-assign]
    worker.killed = worker.stopped = True
    worker.journal.close()


async def gone(*_: Any) -> Any:
    raise StoreUnavailable("it is dead")


async def calm(*_: Any) -> None:
    """Nothing happens."""


def test_accounts_never_pass_their_limit_and_rest_at_zero(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        await weather(Storm(valkey.url, tmp_path / "journal", 1), store, calm)

    run(scenario)


def test_the_same_with_a_redis_that_is_killed_and_comes_back(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def killed(round_: int, *_: Any) -> None:
        if round_ in (2, 5):
            await asyncio.sleep(0.03)
            await asyncio.to_thread(kill_and_restart, valkey, 0)

    async def scenario(store: Store) -> None:
        await weather(Storm(valkey.url, tmp_path / "journal", 2), store, killed)

    run(scenario)


def kill_and_restart(valkey: EmbeddedValkey, bytes_lost: int) -> None:
    assert valkey._process is not None
    valkey._process.kill()
    valkey._process.wait(5.0)
    for file in (valkey._directory / "appendonlydir").glob("*.incr.aof"):
        os.truncate(file, max(0, file.stat().st_size - bytes_lost))
    valkey.restart()


def test_the_same_with_a_redis_that_comes_back_without_its_last_words(
    run: Run, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async def truncated(round_: int, *_: Any) -> None:
        if round_ in (1, 3, 5):
            await asyncio.sleep(0.03)
            await asyncio.to_thread(kill_and_restart, valkey, 30_000)

    async def scenario(store: Store) -> None:
        await weather(Storm(valkey.url, tmp_path / "journal", 3), store, truncated)

    run(scenario)


def test_the_same_with_workers_that_are_killed(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        storm = Storm(valkey.url, tmp_path / "journal", 4)

        async def struck(round_: int, made: list[Worker]) -> None:
            if round_ in (2, 4):
                await asyncio.sleep(0.03)
                die(made.pop(0))

        await weather(storm, store, struck)

    run(scenario)
