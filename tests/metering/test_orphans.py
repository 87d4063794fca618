"""Workers killed at any moment: whoever comes next loses nothing and doubles nothing."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

from gateway.metering.cube import Cube
from gateway.metering.journal import Journal
from gateway.metering.ledger import Ledger, Row
from gateway.metering.orphans import Orphans
from gateway.store.embedded import EmbeddedValkey
from gateway.store.keyspace import partition_of
from gateway.store.redis import Script, Store
from tests.metering.conftest import Run
from tests.metering.making import NOON, complete, start
from tests.support.patience import eventually

ROUNDS = 5
SPAN = (NOON - 43_200, NOON + 43_200)


def orphans(directory: Path, store: Store, now: float = 0.0) -> Orphans:
    return Orphans(directory, store, Script.load("apply_records"), Cube(), clock=lambda: now)


async def settle_all(found: Orphans) -> None:
    found.adopt()
    await found.verify()
    await found.flush()


async def all_rows(store: Store) -> dict[str, Row]:
    """Every page: how many a killed worker had done depends on how fast the machine is."""
    rows, cursor = await Ledger(store).requests(10_000)
    while cursor is not None:
        more, cursor = await Ledger(store).requests(10_000, cursor)
        rows += more
    by_name = {row["id"]: row for row in rows}
    assert len(by_name) == len(rows)
    return by_name


def kill_one_under_load(directory: Path, url: str, notes: Path, seed: str, seconds: float) -> None:
    before = notes.stat().st_size
    command = [sys.executable, "-m", "tests.metering.doomed", str(directory), url, str(notes), seed]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as worker:
        try:
            eventually(lambda: notes.stat().st_size > before or worker.poll() is not None, within_s=20)
            assert worker.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(seconds)
        finally:
            worker.kill()


def assert_exact(rows: dict[str, Row], notes: Path) -> int:
    sent: dict[str, int] = {}
    done: dict[str, int] = {}
    for line in notes.read_text().splitlines():
        what, name, count = line.split()
        (sent if what == "sent" else done)[name] = int(count)
    assert set(sent) <= set(rows), "lost"
    unnoted = set(rows) - set(sent)
    assert len(unnoted) <= ROUNDS, "a killed worker has one call under way at most"
    for name, row in rows.items():
        assert len(row["attempts"]) == 1, row
        attempt = row["attempts"][0]
        if name in done:
            assert (attempt["source"], attempt["output_tokens"]) == ("provider", done[name])
        elif name in sent and attempt["state"] == "killed":
            expected = sent[name] if sent[name] >= 0 else start().output_bound
            assert (attempt["source"], attempt["output_tokens"]) == ("estimated", expected)
            assert (row["status"], attempt["error"]) == (500, "worker_killed")
    ended_unnoted = [name for name in sent if name not in done and rows[name]["attempts"][0]["state"] == "complete"]
    assert len(ended_unnoted) + len(unnoted) <= ROUNDS
    return len(rows)


def test_killed_workers_lose_and_double_nothing(run: Run, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.touch()
    dice = random.Random(7)

    async def scenario(store: Store) -> None:
        last = orphans(tmp_path / "journal", store)
        for number in range(ROUNDS):
            seconds = dice.uniform(0.05, 0.6)
            await asyncio.to_thread(kill_one_under_load, tmp_path / "journal", valkey.url, notes, f"w{number}", seconds)
            if number % 2:  # at other times the next worker, or the end, has several to adopt
                await settle_all(last)
        await settle_all(last)
        rows = await all_rows(store)
        count = assert_exact(rows, notes)
        total = (await Ledger(store).usage(*SPAN))[0]
        assert (total["attempts"], total["requests"]) == (count, count)
        for name in ("input_tokens", "output_tokens", "cost_nano"):
            assert total[name] == sum(row[name] for row in rows.values())
        last.close()

    run(scenario)


def test_an_adopter_that_dies_is_succeeded(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        journal = Journal.open(tmp_path)
        for number in range(10):
            journal.sent(start(number))
        journal.close()
        first = orphans(tmp_path, store)
        assert first.adopt() == 1
        assert orphans(tmp_path, store).adopt() == 0
        first.close()  # before it brought anything to Redis
        second = orphans(tmp_path, store)
        await settle_all(second)
        assert len(await all_rows(store)) == 10
        await second.flush()
        second.close()
        third = orphans(tmp_path, store)
        await settle_all(third)
        assert (await Ledger(store).usage(*SPAN))[0]["attempts"] == 10
        third.close()

    run(scenario)


def test_a_kept_orphan_heals_a_redis_that_lost_it(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        journal = Journal.open(tmp_path)
        for number in range(10):
            journal.sent(start(number)).done(complete())
        journal.close()
        kept = orphans(tmp_path, store)
        await settle_all(kept)
        await store.client.flushall()
        await kept.verify()
        assert kept.pending_records == 10
        await kept.flush()
        assert (await Ledger(store).usage(*SPAN))[0]["attempts"] == 10
        kept.close()

    run(scenario)


def test_an_orphan_goes_an_hour_after_redis_has_it_all(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        journal = Journal.open(tmp_path)
        journal.sent(start()).done(complete())
        journal.close()
        now = 0.0
        kept = Orphans(tmp_path, store, Script.load("apply_records"), Cube(), clock=lambda: now)
        kept.adopt()
        await kept.drop_applied(3_600)
        now = 4_000.0
        await kept.drop_applied(3_600)
        assert len(kept) == 1  # not yet in Redis: it stays, however old
        await kept.flush()
        await kept.drop_applied(3_600)
        now = 7_000.0
        await kept.drop_applied(3_600)
        assert len(kept) == 1
        now = 7_601.0
        await kept.drop_applied(3_600)
        assert len(kept) == 0
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - a look at a directory of our own
        assert await store.client.hgetall(f"hr:{{p{partition_of('key_a')}}}:applied") == {}

    run(scenario)


def test_a_journal_that_never_began_is_cleared_away(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        (tmp_path / "0123456789abcdef.lock").touch()
        (tmp_path / "0123456789abcdef.000001.log").write_bytes(b"\0" * 100)
        assert orphans(tmp_path, store).adopt() == 0
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - a look at a directory of our own

    run(scenario)
