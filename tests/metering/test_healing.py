"""Redis killed, paused, and come back with less than it had: in the end the counters are what was written."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.metering.ledger import Ledger
from gateway.metering.meter import Meter
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, StoreUnavailable, connect
from tests.metering.making import NOON, complete, start

ROUNDS = 4


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server that a test may kill."""
    server = EmbeddedValkey()
    server.start(tmp_path)
    yield server
    server.stop()


def kill(valkey: EmbeddedValkey, directory: Path) -> None:
    os.kill(int((directory / "valkey" / "pid").read_text()), signal.SIGKILL)
    process = valkey._process
    assert isinstance(process, subprocess.Popen)
    process.wait(5)


def truncate(directory: Path, share: float) -> None:
    """As after a power cut on a disk that lied: the end of the append-only file is not there."""
    path = max((directory / "valkey" / "appendonlydir").glob("*.incr.aof"))
    os.truncate(path, int(path.stat().st_size * share))


async def write(meter: Meter, first: int, count: int) -> None:
    for number in range(first, first + count):
        opened = meter.sent(start(number, key=f"key_{number % 7}"))
        opened.done(complete(input_=number, output=1))
        if number % 10 == 0:
            await asyncio.sleep(0.005)


async def assert_exact(store: Store, count: int) -> None:
    total = (await Ledger(store).usage(NOON - 43_200, NOON + 43_200))[0]
    found = (total["attempts"], total["requests"], total["input_tokens"], total["output_tokens"])
    assert found == (count, count, sum(range(count)), count)


async def until_looked_at(meter: Meter, store: Store) -> None:
    """Until the meter has met the new server and asked it what it has."""
    async with asyncio.timeout(10):
        while True:
            with suppress(StoreUnavailable):  # the first call may meet a connection to the former server
                if meter.seen_run_id == await store.run_id():
                    return
            await asyncio.sleep(0.05)


def test_a_redis_that_loses_its_last_seconds_is_made_whole(own: EmbeddedValkey, tmp_path: Path) -> None:
    dice = random.Random(3)

    async def scenario() -> None:
        store = await connect(own.url)
        former = await Meter.open(tmp_path / "journal", store)
        await write(former, 0, 200)
        assert await former.flush(5)
        await former.close()  # its journal is healed too, by its adopter
        meter = await Meter.open(tmp_path / "journal", store)
        written = 200
        for _ in range(ROUNDS):
            await write(meter, written, 150)
            kill(own, tmp_path)
            truncate(tmp_path, dice.uniform(0.2, 1.0))
            await write(meter, written + 150, 50)
            written += 200
            own.restart()
            await until_looked_at(meter, store)
            assert await meter.flush(5)
            await assert_exact(store, written)
        await meter.close()
        await store.close()

    asyncio.run(scenario())


def test_a_loss_is_made_good_without_anything_new_to_record(own: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await connect(own.url)
        meter = await Meter.open(tmp_path / "journal", store)
        await write(meter, 0, 100)
        assert await meter.flush(5)
        kill(own, tmp_path)
        truncate(tmp_path, 0.3)
        own.restart()
        await until_looked_at(meter, store)
        assert await meter.flush(5)
        await assert_exact(store, 100)
        await meter.close()
        await store.close()

    asyncio.run(scenario())


def test_while_redis_is_away_records_wait_and_nothing_else_does(own: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await connect(own.url)
        meter = await Meter.open(tmp_path / "journal", store)
        kill(own, tmp_path)
        await write(meter, 0, 300)
        assert not await meter.flush(0.1)
        assert meter.pending_records == 300
        assert meter.oldest_pending_seconds > 0
        own.restart()
        assert await meter.flush(5)
        assert (meter.pending_records, meter.oldest_pending_seconds) == (0, 0.0)
        await assert_exact(store, 300)
        await meter.close()
        await store.close()

    asyncio.run(scenario())


def test_what_a_meter_recorded_without_redis_the_next_one_brings(own: EmbeddedValkey, tmp_path: Path) -> None:
    async def scenario() -> None:
        store = await connect(own.url)
        kill(own, tmp_path)
        first = await Meter.open(tmp_path / "journal", store)
        await write(first, 0, 20)
        await first.close(deadline_s=0.1)
        own.restart()
        second = await Meter.open(tmp_path / "journal", store)
        async with asyncio.timeout(10):
            while True:
                try:
                    await assert_exact(store, 20)
                    break
                except (AssertionError, StoreUnavailable):
                    await asyncio.sleep(0.05)
        await second.close()
        await store.close()

    asyncio.run(scenario())
