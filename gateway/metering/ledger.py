"""What was used and what it cost: totals from the counters, and the recent requests one by one. Reads only.

Token classes never overlap here either: `input_tokens` are those that no cache gave, `output_tokens` those that are not
reasoning.
"""

import base64
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.catalog.prices import as_usd
from gateway.errors import InvalidRequest
from gateway.metering.cube import HOUR_S, HOURS_OF_DAY, METRICS, Dimensions
from gateway.metering.entries import request_row
from gateway.store import keyspace
from gateway.store.redis import Store

GROUPS = ("key", "team", "model", "provider", "target", "day", "hour")
READS_AT_ONCE = 512
PAGE = 100
PARTITIONS = range(keyspace.PARTITIONS)

Row = dict[str, Any]


class Ledger:
    """Queries over all partitions."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def usage(self, from_: float, to: float, group_by: Sequence[str] = ()) -> list[Row]:
        """Totals of the requests admitted from `from_` until before `to` (epoch seconds, widened to whole hours).

        `group_by`: key, team, model, provider, target, tag:NAME, day, hour (UTC). Without it there is one row, also
        when nothing was used. Hours are kept for 62 days: what is older is counted by whole days alone.
        """
        check_groups(group_by)
        totals: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        names: dict[str, str] = {}
        meanings = await self._dimensions()
        reads = await self._reads(meanings, from_, to, by_hour="hour" in group_by)
        for start in range(0, len(reads), READS_AT_ONCE):
            part = reads[start : start + READS_AT_ONCE]
            answers = await self._store.execute_all([("HGETALL", _counter(*read)) for read in part])
            for (partition, period), answer in zip(part, answers, strict=True):
                for meaning, metric, amount in _counts(answer, meanings[partition]):
                    names[meaning.key] = meaning.key_name
                    totals[_group(meaning, period, group_by)][metric] += amount
        if not group_by:
            totals.setdefault((), {})
        return [_usage_row(group, totals[group], group_by, names) for group in sorted(totals, key=_sortable)]

    async def requests(
        self,
        limit: int = PAGE,
        cursor: str | None = None,
        key: str | None = None,
        *,
        model: str | None = None,
        outcome: str | None = None,
    ) -> tuple[list[Row], str | None]:
        """Recent requests, latest first, and the cursor of the next page; None: there is none."""
        wanted = {"key": key, "model": model, "outcome": outcome}
        filters = {name: value for name, value in wanted.items() if value is not None}
        before = _read_cursor(cursor)
        partitions = PARTITIONS if key is None else [keyspace.partition_of(key)]
        rows: list[Row] = []
        while True:
            found = await self._page(partitions, before, limit + 1)
            for place, row in found:
                if len(rows) == limit:
                    return rows, _write_cursor(before)
                before = place
                if row is not None and all(row[name] == value for name, value in filters.items()):
                    rows.append(row)
            if len(found) <= limit:
                return rows, None

    async def request(self, request_id: str) -> Row | None:
        """One recent request; None: unknown, or no longer kept."""
        answers = await self._store.execute_all(
            [("HGET", keyspace.requests(partition), request_id) for partition in PARTITIONS]
        )
        return next((request_row(answer) for answer in answers if answer is not None), None)

    async def _reads(
        self, partitions: Iterable[int], from_: float, to: float, *, by_hour: bool
    ) -> list[tuple[int, "Period"]]:
        """The counters that this time span is made of, where there are any."""
        wanted = list(partitions)
        answers = await self._store.execute_all([("SMEMBERS", keyspace.days(partition)) for partition in wanted])
        now = self._clock()
        return [
            (partition, period)
            for partition, days in zip(wanted, answers, strict=True)
            for day in sorted(int(day) for day in days)
            for period in _periods(day, from_, to, by_hour=by_hour)
            if period[0] == "day" or keyspace.usage_hour_expires_at(period[1]) > now
        ]

    async def _dimensions(self) -> dict[int, dict[bytes, Dimensions]]:
        """The combinations of each partition that has any."""
        answers = await self._store.execute_all(
            [("HGETALL", keyspace.dimensions(partition)) for partition in PARTITIONS]
        )
        return {
            partition: {identity: Dimensions.read(text) for identity, text in _pairs(answer)}
            for partition, answer in enumerate(answers)
            if answer
        }

    async def _page(
        self, partitions: Sequence[int], before: "Place | None", most: int
    ) -> list[tuple["Place", Row | None]]:
        """The `most` latest entries before a place, over all these partitions."""
        places: list[tuple[Place, int]] = []
        for partition, found in zip(partitions, await self._places(partitions, before, most), strict=True):
            places += [(place, partition) for place in found]
        places.sort(reverse=True)
        del places[most:]
        entries = await self._store.execute_all(
            [("HGET", keyspace.requests(partition), place[1]) for place, partition in places]
        )
        return [
            (place, request_row(entry) if entry is not None else None)
            for (place, _), entry in zip(places, entries, strict=True)
        ]

    async def _places(self, partitions: Sequence[int], before: "Place | None", most: int) -> list[list["Place"]]:
        latest = "+inf" if before is None else repr(before[0])
        found: dict[int, list[Place]] = {partition: [] for partition in partitions}
        unfinished, offset = list(partitions), 0
        # Entries admitted at the cursor's very moment are read again and passed over; usually there are none.
        while unfinished:
            answers = await self._store.execute_all(
                [
                    ("ZREVRANGEBYSCORE", keyspace.recent(each), latest, "-inf", "WITHSCORES", "LIMIT", offset, most)
                    for each in unfinished
                ]
            )
            more = []
            for partition, answer in zip(unfinished, answers, strict=True):
                page = [(float(score), member.decode()) for member, score in _pairs(answer)]
                found[partition] += [place for place in page if before is None or place < before]
                if len(page) == most and len(found[partition]) < most:
                    more.append(partition)
            unfinished, offset = more, offset + most
        return [found[partition] for partition in partitions]


Period = tuple[str, int]
"""day or hour, and its number since the epoch."""
Place = tuple[float, str]
"""Where an entry stands among the recent ones: time of admission, request id."""


def check_groups(group_by: Sequence[str]) -> None:
    """Raises InvalidRequest for what usage cannot be grouped by."""
    for group in group_by:
        if group not in GROUPS and not (group.startswith("tag:") and len(group) > len("tag:")):
            raise InvalidRequest(f"group_by takes {', '.join(GROUPS)} and tag:NAME.", param="group_by")


def _periods(day: int, from_: float, to: float, *, by_hour: bool) -> Iterator["Period"]:
    """What a time span takes of one day: all of it, or some hours."""
    begin, end = day * HOURS_OF_DAY, (day + 1) * HOURS_OF_DAY
    first, last = max(begin, int(from_ // HOUR_S)), min(end, int(-(-to // HOUR_S)))
    if not by_hour and (first, last) == (begin, end):
        yield "day", day
    else:
        yield from (("hour", hour) for hour in range(first, last))


def _counter(partition: int, period: "Period") -> str:
    kind, number = period
    return (keyspace.usage_of_day if kind == "day" else keyspace.usage_of_hour)(partition, number)


def _pairs(answer: Any) -> list[tuple[bytes, bytes]]:
    """Redis' list of pairs, however redis-py has parsed it."""
    if isinstance(answer, Mapping):
        return list(answer.items())
    if answer and isinstance(answer[0], tuple | list):
        return [(first, second) for first, second in answer]
    return list(zip(answer[::2], answer[1::2], strict=True))


def _counts(answer: Any, meanings: Mapping[bytes, Dimensions]) -> Iterator[tuple[Dimensions, str, int]]:
    for name, amount in _pairs(answer):
        identity, _, metric = name.partition(b":")
        meaning = meanings.get(identity)
        if meaning is not None and metric.decode() in METRICS:
            yield meaning, METRICS[metric.decode()], int(amount)


def _group(meaning: Dimensions, period: "Period", group_by: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_dimension(meaning, period, group) for group in group_by)


def _dimension(meaning: Dimensions, period: "Period", group: str) -> Any:
    if group.startswith("tag:"):
        return meaning.tags.get(group.removeprefix("tag:"))
    if group not in ("day", "hour"):
        return getattr(meaning, group)
    kind, number = period
    at = datetime.fromtimestamp(number * HOUR_S * (HOURS_OF_DAY if kind == "day" else 1), UTC)
    return at.strftime("%Y-%m-%d" if group == "day" else "%Y-%m-%dT%H:00:00Z")


def _sortable(group: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(value or "" for value in group)


def _usage_row(
    group: tuple[Any, ...], total: Mapping[str, int], group_by: Sequence[str], names: Mapping[str, str]
) -> Row:
    row: Row = dict(zip(group_by, group, strict=True))
    if "key" in row:
        row["key_name"] = names[row["key"]]
    for metric in METRICS.values():
        row[metric] = total.get(metric, 0)
    row["cost_usd"] = float(as_usd(row["cost_nano"]))
    return row


def _read_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        at, request_id = orjson.loads(base64.urlsafe_b64decode(cursor))
        return float(at), str(request_id)
    except (ValueError, TypeError) as error:
        raise InvalidRequest("cursor is not one that this ledger gave out.", param="cursor") from error


def _write_cursor(before: Place | None) -> str | None:
    return None if before is None else base64.urlsafe_b64encode(orjson.dumps(before)).decode()
