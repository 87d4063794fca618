"""A journal's lines, written and read. Three kinds, each one JSON object ended by a line feed:

{"journal": ID, "format": 1, "segment": N, "last": [64 numbers]}              head of a segment
{"sent": N, "slot": S, "start": {...}}                                        an attempt went out
{"done": N, "p": PARTITION, "seq": NUMBER, "start": {...}, "end": {...}}      it ended, and this is its record

`sent` and `done` number the attempts of one journal; `seq` numbers the records of one partition from 1. A record that
is charged to accounts of other partitions too (a team's, the organisation's) has a number in each: `"also": [P, SEQ,
P, SEQ]` stands after its own. A `done` line
holds the whole record, so that applying it needs no other line. Writing is on the path of each request: the start is
turned into JSON once and used in both of its lines.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from backends.types import Usage
from gateway.catalog.prices import Price
from gateway.metering.records import AttemptStart, Ending, EndState, Source, UsageRecord

FORMAT = 1
NO_SLOT = -1
MOST_KEPT = 4_096

_VARYING = ("attempt_id", "request_id", "number", "at", "input_estimate", "output_bound", "reserved_nano")
_CONSTANTS = tuple(name for name in AttemptStart._fields if name not in (*_VARYING, "tags"))
_ENDING = tuple(name for name in Ending._fields if name not in ("state", "usage"))

_DONE = re.compile(rb'\{"done":(\d+),"p":(\d+),"seq":(\d+),(?:"also":\[([\d,]+)\],)?')
_SENT = re.compile(rb'\{"sent":(\d+),"slot":(-?\d+),')


@dataclass(frozen=True, slots=True)
class Head:
    """First line of a segment: where each partition's numbering stood when the segment was begun."""

    segment: int
    last: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SentLine:
    """Where an open attempt's progress is kept, and how it began."""

    number: int
    slot: int
    start: AttemptStart
    start_json: bytes


@dataclass(slots=True)
class DoneLine:
    """One record, with its place in its partition's numbering."""

    partition: int
    seq: int
    record: UsageRecord
    line: bytes
    """As it stands in the journal, without the line feed: the ledger keeps it as it is."""
    written_at: float = 0.0
    """The journal's clock."""


def head_line(journal: str, segment: int, last: Sequence[int]) -> bytes:
    """The first line of a segment."""
    return orjson.dumps({"journal": journal, "format": FORMAT, "segment": segment, "last": list(last)}) + b"\n"


class StartWriter:
    """Turns the beginnings of attempts into JSON. Most of it is the same for all of a key at a target, and kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], tuple[AttemptStart, bytes]] = {}

    def write(self, start: AttemptStart) -> bytes:
        """An attempt's beginning, as both of its lines hold it."""
        varying = {
            "attempt_id": start.attempt_id,
            "request_id": start.request_id,
            "number": start.number,
            "at": start.at,
            "input_estimate": start.input_estimate,
            "output_bound": start.output_bound,
        }
        if start.reserved_nano is not None:
            varying["reserved_nano"] = start.reserved_nano
        return orjson.dumps(varying)[:-1] + self._constant(start)

    def _constant(self, start: AttemptStart) -> bytes:
        place = (start.key_id, start.target, start.model, start.dialect, start.rules_hash)
        kept = self._kept.get(place)
        if kept is not None and _same_constants(kept[0], start):
            return kept[1]
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        constants = {name: getattr(start, name) for name in _CONSTANTS}
        text = b"," + orjson.dumps({**constants, "tags": dict(start.tags)})[1:]
        self._kept[place] = (start, text)
        return text


def _same_constants(one: AttemptStart, other: AttemptStart) -> bool:
    return (
        one.stream is other.stream
        and (one.price is other.price or one.price == other.price)
        and (one.tags is other.tags or one.tags == other.tags)
        and one.key_name == other.key_name
        and one.team == other.team
        and (one.charged_to is other.charged_to or one.charged_to == other.charged_to)
        and one.provider == other.provider
        and one.upstream_model == other.upstream_model
    )


def sent_line(number: int, slot: int, start: bytes) -> bytes:
    """The line of an attempt that goes out."""
    return b'{"sent":%d,"slot":%d,"start":%b}\n' % (number, slot, start)


def done_line(
    number: int, partition: int, seq: int, start: bytes, record: UsageRecord, also: Sequence[int] = ()
) -> bytes:
    """The line of an attempt that has ended, with its line feed. `also`: other partitions, each with its number."""
    ending, usage = record.ending, record.usage
    # Spelled out: orjson takes ten times as long for a dataclass with slots.
    end = orjson.dumps(
        {
            "state": ending.state,
            "status": ending.status,
            "final": ending.final,
            "content_events": ending.content_events,
            "may_have_billed": ending.may_have_billed,
            "error": ending.error,
            "ttft_s": ending.ttft_s,
            "duration_s": ending.duration_s,
            "input": usage.input,
            "cache_read_input": usage.cache_read_input,
            "cache_creation_input": usage.cache_creation_input,
            "output": usage.output,
            "reasoning": usage.reasoning,
            "source": record.source,
            "cost_nano": record.cost_nano,
        }
    )
    if also:
        return b'{"done":%d,"p":%d,"seq":%d,"also":%b,"start":%b,"end":%b}\n' % (
            number,
            partition,
            seq,
            orjson.dumps(also),
            start,
            end,
        )
    return b'{"done":%d,"p":%d,"seq":%d,"start":%b,"end":%b}\n' % (number, partition, seq, start, end)


def read_head(line: bytes, journal: str) -> Head | None:
    """None: this is no head of this journal, or one of a format that we do not know."""
    try:
        found = orjson.loads(line)
        if found["journal"] != journal or found["format"] != FORMAT:
            return None
        return Head(segment=found["segment"], last=tuple(found["last"]))
    except (ValueError, KeyError, TypeError):
        return None


def done_number(line: bytes) -> tuple[int, int, int] | None:
    """Attempt number, partition and seq of a `done` line, without reading the rest of it."""
    found = _DONE.match(line)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def done_places(line: bytes) -> list[tuple[int, int]]:
    """The same, for every partition in which a `done` line has a number: partition and seq, its key's first."""
    found = _DONE.match(line)
    if not found:
        return []
    numbers = [int(found[2]), int(found[3]), *map(int, (found[4] or b"").split(b",") if found[4] else ())]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def sent_number(line: bytes) -> int | None:
    """The attempt number of a `sent` line, without reading the rest of it."""
    found = _SENT.match(line)
    return int(found[1]) if found else None


def read_sent(line: bytes) -> SentLine:
    """A whole `sent` line. Raises ValueError for a damaged one."""
    found = _loads(line)
    start = found["start"]
    return SentLine(found["sent"], found["slot"], _start(start), orjson.dumps(start))


def read_done(line: bytes) -> DoneLine:
    """A whole `done` line. Raises ValueError for a damaged one."""
    found = _loads(line)
    end = found["end"]
    usage, source = Usage(**{name: end[name] for name in Usage._fields}), Source(end["source"])
    ending = Ending(
        **{name: end[name] for name in _ENDING},
        state=EndState(end["state"]),
        usage=usage if source is Source.PROVIDER else None,
    )
    record = UsageRecord(_start(found["start"]), ending, usage, source, end["cost_nano"])
    return DoneLine(found["p"], found["seq"], record, line.rstrip(b"\n"))


def _loads(line: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(line)
    return found


def _start(found: dict[str, Any]) -> AttemptStart:
    price = found["price"]
    charged_to = tuple((account, period) for account, period in found.get("charged_to", ()))
    return AttemptStart(**{**found, "price": Price(**price) if price is not None else None, "charged_to": charged_to})
