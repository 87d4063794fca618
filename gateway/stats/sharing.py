"""Workers and gateways tell each other what they have observed: once a second, through one hash in Redis.

Each writes its own field and reads all others'. Who has said nothing for half a minute is forgotten; while Redis is
away everybody goes by its own observations.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping

import orjson

from gateway.stats.book import Book, Told
from gateway.store import keyspace
from gateway.store.redis import Store, StoreUnavailable

EVERY_S = 1.0
FORGOTTEN_AFTER_S = 30.0
MOST_TARGETS = 64
KEPT_S = 60
_DIGITS = 3


class Sharing:
    """One worker's part. `clock` gives epoch seconds, which different machines agree on well enough."""

    def __init__(self, book: Book, store: Store, clock: Callable[[], float]) -> None:
        self._book = book
        self._store = store
        self._clock = clock
        self._own = secrets.token_hex(8)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.exchange()
            except StoreUnavailable:
                self._book.heard({})  # what they said grows old, and nobody can say anything new
            self._book.refresh()
            await asyncio.sleep(EVERY_S)

    async def exchange(self) -> None:
        """Say what this worker knows, hear what the others do."""
        name, now = keyspace.observations(), self._clock()
        told = self._book.told()
        if told:
            await self._store.execute_all([("HSET", name, self._own, _written(told, now)), ("EXPIRE", name, KEPT_S)])
        heard = await self._store.client.hgetall(name)
        others = {_text(who): said for who, said in heard.items() if _text(who) != self._own}
        spoken = {who: found for who, said in others.items() if (found := _read(said, now)) is not None}
        self._book.heard(spoken)
        silent = [who for who, said in heard.items() if _age(said, now) > FORGOTTEN_AFTER_S]
        if silent:
            await self._store.execute_all([("HDEL", name, *silent)])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _written(told: Told, now: float) -> bytes:
    most = sorted(told.items(), key=lambda each: -sum(each[1][0].values()))[:MOST_TARGETS]
    return orjson.dumps({"at": now, "targets": {target: [_row(first), _row(pace)] for target, (first, pace) in most}})


def _row(buckets: Mapping[int, float]) -> list[float]:
    return [number for index, weight in buckets.items() for number in (index, round(weight, _DIGITS))]


def _read(said: bytes | str, now: float) -> Told | None:
    """None: it is too old, or of a version that we do not know."""
    try:
        found = orjson.loads(said)
        if now - found["at"] > FORGOTTEN_AFTER_S:
            return None
        return {target: (_buckets(first), _buckets(pace)) for target, (first, pace) in found["targets"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _buckets(row: list[float]) -> dict[int, float]:
    return {int(index): float(weight) for index, weight in zip(row[::2], row[1::2], strict=True)}


def _age(said: bytes | str, now: float) -> float:
    try:
        return now - float(orjson.loads(said)["at"])
    except (ValueError, KeyError, TypeError):
        return FORGOTTEN_AFTER_S * 2
