"""What the ledger says of what was recorded."""

from datetime import UTC, datetime

import pytest

from backends.types import Usage
from gateway.errors import InvalidRequest
from gateway.metering.journal import Journal
from gateway.metering.ledger import Ledger, check_groups
from gateway.metering.records import EndState
from gateway.store.redis import Store
from tests.metering.conftest import Run, flusher
from tests.metering.making import NOON, complete, start

HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = NOON - DAY / 2
YESTERDAY = datetime.fromtimestamp(NOON, UTC).date().isoformat()


def ledger(store: Store) -> Ledger:
    return Ledger(store, clock=lambda: NOON)


def test_a_row_says_what_the_contract_says(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        usage = Usage(input=700, cache_read_input=300, cache_creation_input=20, output=150, reasoning=50)
        journal.sent(start()).done(complete(usage=usage))
        journal.sent(start(2, price=None)).done(complete(1, 1))
        await flusher(journal, store).flush()
        rows = await ledger(store).usage(MIDNIGHT, MIDNIGHT + DAY, ["key", "tag:env"])
        cost = 700 * 100 + 300 * 10 + 20 * 100 + 200 * 300
        assert rows == [
            {
                "key": "key_a",
                "key_name": "name of key_a",
                "tag:env": "prod",
                "requests": 2,
                "attempts": 2,
                "errors": 0,
                "input_tokens": 701,
                "cached_input_tokens": 300,
                "cache_creation_input_tokens": 20,
                "output_tokens": 151,
                "reasoning_tokens": 50,
                "cost_nano": cost,
                "unpriced": 1,
                "estimated": 0,
                "cost_usd": cost / 1e9,
            }
        ]

    run(scenario)


def test_failed_attempts_count_and_a_caller_who_left_is_no_error(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        refused = complete(state=EndState.REFUSED, usage=None, status=503, final=False)
        journal.sent(start(1)).done(refused)
        journal.sent(start(1, number=2, attempt_id="req-1-2", provider="other")).done(complete())
        journal.sent(start(2)).done(complete(state=EndState.CLIENT_CLOSED, status=499))
        journal.sent(start(3)).done(complete(state=EndState.UPSTREAM_FAILED, status=502, usage=None))
        await flusher(journal, store).flush()
        rows = await ledger(store).usage(MIDNIGHT, MIDNIGHT + DAY, ["provider"])
        found = [(row["provider"], row["requests"], row["attempts"], row["errors"], row["estimated"]) for row in rows]
        assert found == [("other", 1, 1, 0, 0), ("qwen", 2, 3, 1, 1)]

    run(scenario)


def test_days_and_hours_partition_the_time(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for number, at in enumerate((MIDNIGHT - 1, MIDNIGHT, NOON, NOON + 1, MIDNIGHT + DAY)):
            journal.sent(start(number, at=at)).done(complete())
        await flusher(journal, store).flush()
        books = ledger(store)

        async def requests(from_: float, to: float, *by: str) -> list[int]:
            return [row["requests"] for row in await books.usage(from_, to, by)]

        assert await requests(MIDNIGHT - DAY, MIDNIGHT + 2 * DAY) == [5]
        assert await requests(MIDNIGHT - DAY, MIDNIGHT + 2 * DAY, "day") == [1, 3, 1]
        assert await requests(MIDNIGHT - DAY, MIDNIGHT + 2 * DAY, "hour") == [1, 1, 2, 1]
        assert await requests(MIDNIGHT, MIDNIGHT + DAY) == [3]
        assert await requests(MIDNIGHT - HOUR, MIDNIGHT + HOUR, "day") == [1, 1]
        assert await requests(NOON + HOUR, NOON + 2 * HOUR) == [0]
        rows = await books.usage(NOON, NOON + 1, ["hour", "day"])
        assert [(row["hour"], row["day"]) for row in rows] == [(f"{YESTERDAY}T12:00:00Z", YESTERDAY)]

    run(scenario)


def test_keys_in_many_partitions_add_up(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for number in range(200):
            journal.sent(start(number, key=f"key_{number}", team="a" if number % 2 else None)).done(complete(2, 1))
        await flusher(journal, store).flush()
        books = ledger(store)
        assert len(await books.usage(MIDNIGHT, NOON + DAY, ["key"])) == 200
        rows = await books.usage(MIDNIGHT, NOON + DAY, ["team"])
        assert [(row["team"], row["input_tokens"]) for row in rows] == [(None, 200), ("a", 200)]

    run(scenario)


def test_a_renamed_key_stays_one(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for name in ("old", "new"):
            journal.sent(start(key_name=name)).done(complete())
            await flusher(journal, store).flush()
        rows = await ledger(store).usage(MIDNIGHT, NOON + DAY, ["key"])
        assert [(row["key_name"], row["requests"]) for row in rows] == [("new", 2)]

    run(scenario)


def test_what_cannot_be_grouped_by_is_refused() -> None:
    for wrong in ("colour", "tag:", ""):
        with pytest.raises(InvalidRequest, match="group_by"):
            check_groups([wrong])


def test_pages_follow_each_other_without_loss_also_at_one_moment(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for number in range(25):
            journal.sent(start(number, key=f"key_{number % 3}", at=NOON + number // 10)).done(complete())
        await flusher(journal, store).flush()
        books = ledger(store)
        found, cursor = [], None
        while True:
            rows, cursor = await books.requests(4, cursor)
            found += rows
            assert len(rows) <= 4
            if cursor is None:
                break
        assert len({row["id"] for row in found}) == len(found) == 25
        assert [row["time"] for row in found] == sorted((row["time"] for row in found), reverse=True)
        rows, cursor = await books.requests(25)
        assert (len(rows), cursor) == (25, None)
        with pytest.raises(InvalidRequest):
            await books.requests(4, "nonsense")

    run(scenario)


def test_pages_can_be_of_one_key(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        for number in range(30):
            journal.sent(start(number, key=f"key_{number % 3}")).done(complete())
        await flusher(journal, store).flush()
        rows, cursor = await ledger(store).requests(6, key="key_1")
        assert [row["key"] for row in rows] == ["key_1"] * 6
        rest, _ = await ledger(store).requests(6, cursor, key="key_1")
        assert len({row["id"] for row in rows + rest}) == 10

    run(scenario)


def test_a_request_shows_its_attempts_in_order(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        second = start(1, number=2, attempt_id="req-1-2", provider="other", target="other/x@y", stream=True)
        ended = complete(10, 5, ttft_s=0.2)
        journal.sent(second).done(ended)
        failed = complete(state=EndState.UPSTREAM_FAILED, status=502, final=False, usage=None, error="connect")
        journal.sent(start(1, stream=True)).done(failed)
        await flusher(journal, store).flush()
        row = await ledger(store).request("req-1")
        assert row is not None
        assert [attempt["number"] for attempt in row["attempts"]] == [1, 2]
        assert [attempt["source"] for attempt in row["attempts"]] == ["estimated", "provider"]
        assert (row["status"], row["outcome"], row["provider"], row["error"]) == (200, "ok", "other", None)
        assert (row["input_tokens"], row["output_tokens"]) == (50, 5)
        assert (row["source"], row["cost_nano"], row["cost_usd"]) == ("estimated", 6_500, "0.0000065")
        assert row["attempts"][0]["price_version"] == "test"
        assert row["time"] == f"{YESTERDAY}T12:00:00.000Z"
        assert await ledger(store).request("unknown") is None

    run(scenario)


@pytest.mark.parametrize(
    ("state", "ttft_s", "stream", "outcome"),
    [
        (EndState.COMPLETE, None, False, "ok"),
        (EndState.CLIENT_CLOSED, 0.1, True, "client_closed"),
        (EndState.UPSTREAM_FAILED, 0.1, True, "broken_stream"),
        (EndState.TIMED_OUT, None, True, "error"),
        (EndState.UPSTREAM_FAILED, None, False, "error"),
    ],
)
def test_an_outcome_is_one_word(
    run: Run, journal: Journal, state: EndState, ttft_s: float | None, outcome: str, *, stream: bool
) -> None:
    async def scenario(store: Store) -> None:
        journal.sent(start(stream=stream)).done(complete(state=state, ttft_s=ttft_s))
        await flusher(journal, store).flush()
        row = await ledger(store).request("req-1")
        assert row is not None
        assert row["outcome"] == outcome

    run(scenario)


def test_a_sum_with_an_unknown_price_is_unknown(run: Run, journal: Journal) -> None:
    async def scenario(store: Store) -> None:
        journal.sent(start(price=None)).done(complete())
        await flusher(journal, store).flush()
        row = await ledger(store).request("req-1")
        assert row is not None
        assert row["cost_nano"] is row["cost_usd"] is None

    run(scenario)
