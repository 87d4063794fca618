"""From the journal into Redis: each record once, whatever is sent twice, lost, or held back."""

from pathlib import Path
from typing import Any

import pytest

from gateway.metering.backlog import Backlog
from gateway.metering.journal import Journal
from gateway.metering.ledger import Ledger
from gateway.store import keyspace
from gateway.store.keyspace import partition_of
from gateway.store.redis import Store, StoreUnavailable
from tests.metering.conftest import Run, flusher
from tests.metering.making import NOON, complete, start

P = partition_of("key_a")
DAY = (NOON - 43_200, NOON + 43_200)


async def totals(store: Store) -> tuple[int, int, int]:
    row = (await Ledger(store, clock=lambda: NOON).usage(*DAY))[0]
    return row["attempts"], row["input_tokens"], row["cost_nano"]


def write(journal: Journal, count: int, key: str = "key_a") -> None:
    for number in range(count):
        journal.sent(start(number, key=key)).done(complete(input_=10, output=0))


def test_records_arrive_once(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        to_redis = flusher(journal, store)
        write(journal, 600)
        write(journal, 3, key="key_b")
        await to_redis.flush()
        await to_redis.flush()
        assert await totals(store) == (603, 6_030, 603_000)
        assert journal.backlog.pending_records == 0

    run(scenario)


def test_a_batch_that_is_sent_again_is_skipped(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        write(journal, 5)
        await flusher(journal, store).flush()
        journal.backlog.applied[P] = 0  # as if the answer had been lost
        journal.backlog.behind[P] = 0.0
        write(journal, 2)
        await flusher(journal, store).flush()
        assert await totals(store) == (7, 70, 7_000)

    run(scenario)


def test_a_batch_whose_first_part_was_applied_is_sent_from_there(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        to_redis = flusher(journal, store)
        write(journal, 3)
        held = journal.backlog.next_held(P, 100)
        assert held is not None
        await to_redis.flush()
        # The worker never heard of it, and has more by now.
        again = journal.backlog = Backlog()
        for done in held:
            again.add(done)
        write(journal, 2)
        await to_redis.flush()
        assert await totals(store) == (5, 50, 5_000)
        assert journal.backlog.pending_records == 0

    run(scenario)


def test_a_gap_is_refused_and_the_journal_read_again(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        to_redis = flusher(journal, store)
        write(journal, 8)
        await to_redis.flush()
        await store.client.flushall()  # Redis comes back with nothing
        write(journal, 1)
        await to_redis.flush()
        assert await totals(store) == (9, 90, 9_000)

    run(scenario)


def test_without_new_records_a_loss_is_found_by_asking(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        to_redis = flusher(journal, store)
        write(journal, 8)
        await to_redis.flush()
        await store.client.flushall()
        await to_redis.flush()
        await to_redis.verify()
        assert journal.backlog.pending_records == 8
        await to_redis.flush()
        assert await totals(store) == (8, 80, 8_000)

    run(scenario)


def test_what_memory_does_not_hold_comes_from_disk(run: Run, tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        journal = Journal.open(tmp_path, segment_bytes=50_000)
        journal.backlog = Backlog(most_held=7)
        to_redis = flusher(journal, store)
        for _ in range(3):
            write(journal, 300)
            write(journal, 40, key="key_b")
            await to_redis.flush()
        assert journal.backlog.pending_records == 0
        assert await totals(store) == (1020, 10_200, 1_020_000)
        journal.close()

    run(scenario)


def test_an_outage_in_the_middle_doubles_nothing(run: Run, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(store: Store) -> None:
        to_redis = flusher(journal, store)
        calls, through = 0, store.run

        async def answer_lost_now_and_then(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls % 3 == 1:
                raise StoreUnavailable("not reached")
            answer = await through(*args)
            if calls % 3 == 2:
                raise StoreUnavailable("the answer was lost")
            return answer

        monkeypatch.setattr(store, "run", answer_lost_now_and_then)
        for _ in range(12):
            write(journal, 300)
            try:
                await to_redis.flush()
            except StoreUnavailable:
                continue
        while journal.backlog.pending_records:
            try:
                await to_redis.flush()
            except StoreUnavailable:
                continue
        assert await totals(store) == (3_600, 36_000, 3_600_000)

    run(scenario)


def test_records_that_nobody_has_any_more_raise_an_alarm_and_not_a_loop(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(store: Store) -> None:
        journal = Journal.open(tmp_path, segment_bytes=3_000)
        to_redis = flusher(journal, store)
        write(journal, 30)
        await to_redis.flush()
        for segment in journal.segments.all[:2]:
            segment.path.unlink()
        del journal.segments.all[:2]
        kept = sum(segment.path.read_bytes().count(b'{"done":') for segment in journal.segments.all)
        assert 0 < kept < 30
        await store.client.flushall()
        await to_redis.verify()
        await to_redis.flush()
        assert journal.backlog.pending_records == 0
        assert await totals(store) == (kept, kept * 10, kept * 1_000)
        write(journal, 1)
        await to_redis.flush()
        assert (await totals(store))[0] == kept + 1
        journal.close()

    run(scenario)
    assert capsys.readouterr().out.count("journal_records_lost") == 1


def test_a_damaged_line_costs_itself_and_nothing_else(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        write(journal, 5)
        path = journal.segments.all[0].path
        lines = path.read_bytes().splitlines(keepends=True)
        for index in (4, 10):  # the ends of the second and of the last attempt
            lines[index] = lines[index][:60] + b"\0" * 20 + lines[index][80:]
        path.write_bytes(b"".join(lines))
        last = journal.backlog.last
        journal.backlog = Backlog(last)
        journal.backlog.expect_nothing_applied(0.0)
        await flusher(journal, store).flush()
        assert journal.backlog.pending_records == 0
        assert await totals(store) == (3, 30, 3_000)

    run(scenario)


def test_hours_expire_and_days_do_not(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        at = float(int((await store.client.time())[0]))
        journal.sent(start(at=at)).done(complete())
        await flusher(journal, store).flush()
        hour = int(at // 3_600)
        assert 61 * 86_400 < await store.client.ttl(keyspace.usage_of_hour(P, hour)) <= 62 * 86_400
        assert await store.client.ttl(keyspace.usage_of_day(P, hour // 24)) == -1

    run(scenario)


def test_recent_requests_are_trimmed_by_count_and_age(
    run: Run, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(store: Store) -> None:
        monkeypatch.setattr(keyspace, "REQUESTS_KEPT", 3)
        now = float((await store.client.time())[0])
        to_redis = flusher(journal, store)
        for number, age in enumerate((8 * 86_400, 500, 400, 300, 200, 100)):
            journal.sent(start(number, at=now - age)).done(complete())
        await to_redis.flush()
        assert await store.client.zrange(keyspace.recent(P), 0, -1) == [b"req-3", b"req-4", b"req-5"]
        assert await store.client.hlen(keyspace.requests(P)) == 3

    run(scenario)


def test_one_id_for_all_requests_does_not_grow_an_entry_without_end(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for _ in range(300):
            journal.sent(start(request="always-the-same")).done(complete())
        await flusher(journal, store).flush()
        assert await store.client.hstrlen(keyspace.requests(P), "always-the-same") < 70_000
        assert (await totals(store))[0] == 300

    run(scenario)
