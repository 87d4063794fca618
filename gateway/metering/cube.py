"""What is counted, for whom, and when: records in, increments of Redis' counters out; and read back for the ledger.

A counter's field is `ID:METRIC`. ID stands for one combination of dimensions (key, team, model, provider, target,
tags), spelled out once per partition: so a long combination is not repeated in every counter of every hour.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import add

import orjson

from gateway.metering.lines import DoneLine
from gateway.metering.records import AttemptStart, Source, UsageRecord
from gateway.store import keyspace

HOUR_S = 3_600
HOURS_OF_DAY = 24
CLIENT_CLOSED_STATUS = 499
MOST_REMEMBERED = 10_000
_DIMENSIONS = slice(AttemptStart._fields.index("key_id"), AttemptStart._fields.index("target") + 1)
LARGEST_ENTRY = 65_536
"""Bytes of one recent request: past it an id that many requests share begins anew. The script knows it as well."""

METRICS = {
    "r": "requests",
    "a": "attempts",
    "e": "errors",
    "i": "input_tokens",
    "cr": "cached_input_tokens",
    "cw": "cache_creation_input_tokens",
    "o": "output_tokens",
    "t": "reasoning_tokens",
    "c": "cost_nano",
    "u": "unpriced",
    "s": "estimated",
}


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What usage is told apart by."""

    key: str
    key_name: str
    """As last seen; not part of the identity, so a renamed key stays one."""
    team: str | None
    model: str
    provider: str
    target: str
    tags: Mapping[str, str]

    @classmethod
    def read(cls, text: bytes) -> "Dimensions":
        """From what Redis has."""
        return cls(*orjson.loads(text))


@dataclass(slots=True)
class Increments:
    """All that one batch adds to one partition."""

    dimensions: dict[str, bytes] = field(default_factory=dict)
    """Id → what it stands for."""
    counters: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Hash → field → increment."""
    expiries: dict[str, int] = field(default_factory=dict)
    """Hash → epoch seconds; 0: never."""
    days: set[int] = field(default_factory=set)
    """Days that are counted."""
    entries: dict[str, bytes] = field(default_factory=dict)
    """Recent requests: id → attempts, as JSON without the brackets of the array."""
    admitted: dict[str, float] = field(default_factory=dict)
    """When they were admitted, in the same order."""
    charges: dict[tuple[str, str], int] = field(default_factory=dict)
    """Nano-dollars, by account and period."""

    def charge(self, partition: int, record: UsageRecord) -> None:
        """What those of its accounts are charged that live in this partition."""
        charged = record.charged_nano
        for place in record.start.charged_to:
            if charged and keyspace.partition_of(place[0]) == partition:
                self.charges[place] = self.charges.get(place, 0) + charged

    def remember(self, request_id: str, at: float, attempt: bytes) -> None:
        """One more attempt of a recent request; there is one, as a rule."""
        former = self.entries.get(request_id)
        if former is not None and len(former) + len(attempt) < LARGEST_ENTRY:
            attempt = former + b"," + attempt
        self.entries[request_id] = attempt
        self.admitted[request_id] = at

    def count(self, partition: int, identity: str, hour: int, counts: Sequence[int]) -> None:
        """Add to the counters of an hour and of its day; zeros are left out."""
        day = hour // HOURS_OF_DAY
        of_hour, of_day = keyspace.usage_of_hour(partition, hour), keyspace.usage_of_day(partition, day)
        self.days.add(day)
        self.expiries[of_hour] = keyspace.usage_hour_expires_at(hour)
        self.expiries[of_day] = 0
        by_hour, by_day = self.counters[of_hour], self.counters[of_day]
        for metric, increment in zip(METRICS, counts, strict=True):
            if increment:
                name = f"{identity}:{metric}"
                by_hour[name] += int(increment)
                by_day[name] += int(increment)


class Cube:
    """Adds records up. Remembers the ids of the combinations that it has met."""

    def __init__(self) -> None:
        self._ids: dict[tuple[object, ...], tuple[str, bytes]] = {}

    def add_up(self, partition: int, batch: Sequence[DoneLine]) -> Increments:
        """One batch of one partition's records."""
        total = Increments()
        sums: dict[tuple[str, int], list[int]] = {}
        identity, known = "", None
        for done in batch:
            start = done.record.start
            if start.charged_to:
                total.charge(partition, done.record)
                if keyspace.partition_of(start.key_id) != partition:
                    continue  # it is counted where its key lives
            if start[_DIMENSIONS] != known:  # many in a row are of one caller and one target
                known = start[_DIMENSIONS]
                identity, meaning = self._identify(start)
                total.dimensions[identity] = meaning
            place = (identity, int(start.at // HOUR_S))
            counts = _counts(done.record)
            former = sums.get(place)
            sums[place] = counts if former is None else list(map(add, former, counts))
            total.remember(start.request_id, start.at, done.line)
        for (identity, hour), counts in sums.items():
            total.count(partition, identity, hour, counts)
        return total

    def _identify(self, start: AttemptStart) -> tuple[str, bytes]:
        parts = (start.key_id, start.key_name, start.team, start.model, start.provider, start.target)
        remembered = (*parts, tuple(start.tags.items()))
        found = self._ids.get(remembered)
        if found is None:
            if len(self._ids) >= MOST_REMEMBERED:
                self._ids.clear()
            found = self._ids[remembered] = _spell_out(parts, start.tags)
        return found


def _spell_out(parts: tuple[str | None, ...], tags: Mapping[str, str]) -> tuple[str, bytes]:
    in_order = dict(sorted(tags.items()))
    key, _, *rest = parts
    identity = blake2b(orjson.dumps([key, *rest, in_order]), digest_size=10).hexdigest()
    return identity, orjson.dumps([*parts, in_order])


def _counts(record: UsageRecord) -> list[int]:
    """What one record adds to each of METRICS."""
    ending, usage = record.ending, record.usage
    return [
        ending.final,
        1,
        ending.final and ending.status >= 400 and ending.status != CLIENT_CLOSED_STATUS,
        usage.input,
        usage.cache_read_input,
        usage.cache_creation_input,
        usage.output,
        usage.reasoning,
        record.cost_nano or 0,
        record.cost_nano is None,
        record.source is Source.ESTIMATED,
    ]
