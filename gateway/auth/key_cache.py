"""What one worker remembers of keys, so that a request with a known key asks nobody.

A change is announced on a channel and forgotten here at once; behind that stands a short time to live. While Redis is
away a key that was known goes on (unless the settings say `closed`), and one that was not is neither taken nor called
wrong: 503, never 401.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, cast

from gateway.auth.key_store import KeyStore
from gateway.auth.keys import digest, networks
from gateway.auth.principal import Principal
from gateway.errors import Unauthorized, Unavailable
from gateway.store import keyspace
from gateway.store.redis import Store, StoreUnavailable

TTL_S = 30.0
"""While changes are announced to us."""
TTL_UNANNOUNCED_S = 1.0
TTL_REFUSED_S = 1.0
"""A key that was just made works within this, announced or not."""
KNOWN_WAITS_S = 0.25
"""A key that is known does not wait longer than this for a Redis that hangs."""
ASK_AGAIN_S = 1.0
"""After a failure, for how long known keys are not asked after."""
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Entry:
    principal: Principal
    networks: tuple[IPv4Network | IPv6Network, ...]
    loaded_at: float
    generation: int


class KeyCache:
    """From a caller's secret to the Principal. One per worker; `run` listens for changes and must be kept running."""

    def __init__(
        self,
        keys: KeyStore,
        store: Store,
        *,
        on_outage: Literal["lease", "open", "closed"] = "lease",
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        size: int = 100_000,
        refused_size: int = 10_000,
    ) -> None:
        self._keys = keys
        self._store = store
        self._closed = on_outage == "closed"
        self._clock = clock
        self._ticks = ticks
        self._size = size
        self._refused_size = refused_size
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._flights: dict[str, asyncio.Task[_Entry | None]] = {}
        self._outdated: set[str] = set()
        self._generation = 0
        self._listening = False
        self._away_until = float("-inf")

    def __repr__(self) -> str:
        return f"<KeyCache {len(self._known)} known, {len(self._refused)} refused, announced={self._announced}>"

    async def run(self) -> None:
        """Listen for changes until cancelled."""
        try:
            changes = cast("AsyncGenerator[bytes | None, None]", self._store.subscribe(keyspace.invalidations()))
            async with aclosing(changes) as messages:
                async for message in messages:
                    if message is None:
                        self._listening = True
                        self._doubt_everything()
                    else:
                        self._forget(message.decode("ascii").split())
        finally:
            self._listening = False

    def cached(self, secret_hash: str, peer: str | None = None) -> Principal | None:
        """The Principal if it is known and fresh; None: `lookup` must be awaited. Raises Unauthorized if it is refused.

        The hot path: a plain call, no I/O.
        """
        entry = self._known.get(secret_hash)
        if entry is not None and self._is_fresh(entry):
            self._known.move_to_end(secret_hash)
            return self._admit(entry, peer)
        refused_at = self._refused.get(secret_hash)
        if refused_at is not None and self._ticks() - refused_at < TTL_REFUSED_S:
            raise Unauthorized
        return None

    async def lookup(self, secret: str | None, peer: str | None = None) -> Principal:
        """Who calls. Raises Unauthorized, the same for each reason, or Unavailable when Redis is needed and away.

        `peer` is the caller's address, for keys that are bound to networks.
        """
        if not secret:
            raise Unauthorized
        secret_hash = digest(secret)
        principal = self.cached(secret_hash, peer)
        if principal is not None:
            return principal
        known = None if self._closed else self._known.get(secret_hash)
        entry = await (self._ask(secret_hash) if known is None else self._ask_briefly(secret_hash, known))
        if entry is None:
            raise Unauthorized
        return self._admit(entry, peer)

    def _is_fresh(self, entry: _Entry) -> bool:
        age_s = self._ticks() - entry.loaded_at
        return age_s < (TTL_S if self._announced else TTL_UNANNOUNCED_S) and entry.generation == self._generation

    @property
    def _announced(self) -> bool:
        return self._listening and self._store.up

    def _admit(self, entry: _Entry, peer: str | None) -> Principal:
        """What is checked at each use, however fresh the entry."""
        expires_at = entry.principal.expires_at
        if expires_at is not None and expires_at <= self._clock():
            raise Unauthorized
        if entry.networks and not _lies_in(peer, entry.networks):
            raise Unauthorized
        return entry.principal

    async def _ask(self, secret_hash: str) -> _Entry | None:
        """Of an unknown key, only Redis can tell."""
        try:
            return await asyncio.shield(self._flight(secret_hash))
        except StoreUnavailable as error:
            raise Unavailable(
                "This key can't be looked up while the gateway's store is away. Try again shortly.",
                code="store_unavailable",
            ) from error

    async def _ask_briefly(self, secret_hash: str, known: _Entry) -> _Entry | None:
        """A known key whose entry is old: ask, but go on with what is known while Redis is away."""
        now = self._ticks()
        if now < self._away_until:
            return known
        if self._away_until > float("-inf"):
            # It was away when last asked. Only this request waits to see whether it is back.
            self._away_until = now + ASK_AGAIN_S
        flight = self._flight(secret_hash)
        await asyncio.wait({flight}, timeout=KNOWN_WAITS_S)
        if not flight.done():
            self._away_until = self._ticks() + ASK_AGAIN_S
            return known
        return known if isinstance(flight.exception(), StoreUnavailable) else flight.result()

    def _flight(self, secret_hash: str) -> asyncio.Task[_Entry | None]:
        """The one question about this key that is under way; a caller who leaves does not take it along."""
        flight = self._flights.get(secret_hash)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fetch(secret_hash), name="key look-up")
            self._flights[secret_hash] = flight
            flight.add_done_callback(lambda done: self._land(secret_hash, done))
        return flight

    def _land(self, secret_hash: str, flight: asyncio.Task[_Entry | None]) -> None:
        self._flights.pop(secret_hash, None)
        self._outdated.discard(secret_hash)
        if not flight.cancelled() and isinstance(flight.exception(), StoreUnavailable):
            self._away_until = self._ticks() + ASK_AGAIN_S

    async def _fetch(self, secret_hash: str) -> _Entry | None:
        for _ in range(_TRIES):
            self._outdated.discard(secret_hash)
            entry = await self._load(secret_hash)
            # A change announced while we read may be younger than what we read.
            if secret_hash not in self._outdated:
                self._remember(secret_hash, entry)
                break
        self._away_until = float("-inf")
        return entry

    async def _load(self, secret_hash: str) -> _Entry | None:
        loaded_at, generation = self._ticks(), self._generation
        found = await self._keys.find(secret_hash)
        if found is None:
            return None
        record, until = found
        if record.status(self._clock()) != "active":
            return None
        return _Entry(record.principal(until), networks(record), loaded_at, generation)

    def _remember(self, secret_hash: str, entry: _Entry | None) -> None:
        if entry is None:
            self._known.pop(secret_hash, None)
            self._refused[secret_hash] = self._ticks()
            if len(self._refused) > self._refused_size:
                self._refused.popitem(last=False)
            return
        self._refused.pop(secret_hash, None)
        self._known[secret_hash] = entry
        self._known.move_to_end(secret_hash)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def _forget(self, hashes: list[str]) -> None:
        """These keys were changed. What we knew is wrong now, so it does not serve through an outage either."""
        for secret_hash in hashes:
            self._known.pop(secret_hash, None)
            self._refused.pop(secret_hash, None)
        self._outdated.update(secret_hash for secret_hash in hashes if secret_hash in self._flights)

    def _doubt_everything(self) -> None:
        """Changes may have been missed: each key is asked after again, and only serves on if Redis can't be asked."""
        self._generation += 1
        self._refused.clear()
        self._outdated.update(self._flights)


def _lies_in(peer: str | None, allowed: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # A dual-stack socket shows an IPv4 caller as ::ffff:a.b.c.d.
        address = address.ipv4_mapped
    return any(address in network for network in allowed)
