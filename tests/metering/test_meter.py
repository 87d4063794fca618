"""The meter as a worker uses it."""

import os
from pathlib import Path

import pytest

from gateway.metering import journal as journal_module
from gateway.metering.ledger import Ledger
from gateway.metering.meter import Meter
from gateway.store.keyspace import PARTITIONS
from gateway.store.redis import Store
from tests.metering.conftest import Run
from tests.metering.making import NOON, complete, start, until

SPAN = (NOON - 43_200, NOON + 43_200)


def test_records_reach_redis_by_themselves(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        meter = await Meter.open(tmp_path, store)
        for number in range(20):
            meter.sent(start(number, key=f"key_{number}")).done(complete())
        assert meter.pending_records == 20
        await until(lambda: not meter.pending_records)
        assert (await Ledger(store).usage(*SPAN))[0]["attempts"] == 20
        await meter.close()

    run(scenario)


def test_closing_brings_the_last_records(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        meter = await Meter.open(tmp_path, store)
        meter.sent(start()).done(complete())
        await meter.close()
        assert (await Ledger(store).usage(*SPAN))[0]["attempts"] == 1

    run(scenario)


def test_an_attempt_left_open_at_the_close_is_settled_by_the_next_meter(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        first = await Meter.open(tmp_path, store)
        first.sent(start())
        await first.close()
        second = await Meter.open(tmp_path, store)
        await until(lambda: second.seen_run_id and not second.pending_records)
        row = await Ledger(store).request("req-1")
        assert row is not None
        assert (row["attempts"][0]["state"], row["output_tokens"]) == ("killed", 400)
        await second.close()

    run(scenario)


def test_what_is_written_is_made_durable_soon(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    async def scenario(store: Store) -> None:
        monkeypatch.setattr(journal_module, "_datasync", note)
        meter = await Meter.open(tmp_path, store)
        meter.sent(start()).done(complete())
        size = sum(path.stat().st_size for path in tmp_path.glob("*.log"))  # noqa: ASYNC240 - a file of our own
        await until(lambda: size in synced)
        await meter.close()

    run(scenario)


def test_a_script_that_fails_is_told_and_tried_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(store: Store) -> None:
        meter = await Meter.open(tmp_path, store)
        through = store.run

        async def broken(*_: object) -> None:
            raise ZeroDivisionError("a fault of ours")

        monkeypatch.setattr(store, "run", broken)
        meter.sent(start()).done(complete())
        await until(lambda: "metering_step_failed" in capsys.readouterr().out)
        monkeypatch.setattr(store, "run", through)
        await until(lambda: not meter.pending_records)
        await meter.close()

    run(scenario)


def test_records_of_all_partitions_come_within_a_few_turns(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        meter = await Meter.open(tmp_path, store)
        for number in range(1_000):
            meter.sent(start(number, key=f"key_{number}")).done(complete())
        assert await meter.flush(5)
        names = [name async for name in store.client.scan_iter(match="hr:*:recent", count=1_000)]
        assert len(names) == PARTITIONS
        await meter.close()

    run(scenario)
