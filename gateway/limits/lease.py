"""The call that states what this worker holds of an account and asks for more (store/lua/lease.lua).

One call at a time for each account's rates and for each purse, and each is seen through though the caller may leave.
Every call has a short deadline; after a failure nobody asks for a while: a Redis that hangs costs requests nothing.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from gateway.limits.accounts import Account
from gateway.limits.budget import Purse
from gateway.limits.concurrency import HELD_S
from gateway.limits.rate import GRACE_S, RateSlice
from gateway.store import keyspace
from gateway.store.redis import Script, Store, StoreUnavailable

CALL_S = 0.5
ASK_AGAIN_S = 1.0
_NO_RATES = ("", 0, 0, "", 0, 0, "", 0, 0, 0, HELD_S, "")
_NO_MONEY = ("", "", 0, 0, 0, 0, 0, "")
_MOST = 1 << 53

T = TypeVar("T")


class Kind(NamedTuple):
    """What the account's minute looks like, for one kind."""

    granted: int
    remaining: int
    wait_ms: int
    """When there is enough; -1: never."""
    reset_ms: int


class RatesTold(NamedTuple):
    """Answer about rates and permits."""

    lacks: str
    """`requests`, `tokens`, `permits`, or nothing."""
    requests: Kind
    tokens: Kind


class Teller:
    """This worker's voice at Redis."""

    def __init__(
        self,
        store: Store,
        holder: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.holder = holder
        self.clock = clock
        self._wall = wall
        self._store = store
        self._script = Script.load("lease")
        self._offset_s = 0.0
        self._away_until = float("-inf")
        self.last_contact = clock()
        self.calls = 0
        self._under_way: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"<Teller for {self.holder}, {self.calls} calls>"

    @property
    def away(self) -> bool:
        """Redis did not answer, and it is too early to ask again."""
        return self.clock() < self._away_until

    def now(self) -> float:
        """Epoch seconds by Redis' clock."""
        return self._wall() + self._offset_s

    def lost(self) -> None:
        """Redis did not answer somebody."""
        self._away_until = self.clock() + ASK_AGAIN_S

    def found(self) -> None:
        """It answers again."""
        self._away_until = float("-inf")
        self.last_contact = self.clock()

    async def rates(self, account: Account, requests: int, tokens: int, permits: int) -> RatesTold:
        """Ask for so many at once: all or none. Raises StoreUnavailable."""
        return await self._seen_through(self._rates(account, requests, tokens, permits))

    async def money(self, purse: Purse, need: int, *, drop: bool = False) -> str:
        """Give back what is unspent and ask for this much anew, in one step; `need` 0: give back.

        Returns `granted`, `spent`, `open`, `fenced`, `old` or `dropped`. Raises StoreUnavailable.
        """
        return await self._seen_through(self._money(purse, need, drop=drop))

    async def reassert(self, purse: Purse) -> None:
        """Say again what is held, the unspent part included. Raises StoreUnavailable."""
        await self._seen_through(self._money(purse, 0, keep=True))

    async def run_id(self) -> str:
        """Which server answers. Raises StoreUnavailable."""
        return await self._seen_through(self._run_id())

    async def _run_id(self) -> str:
        try:
            async with asyncio.timeout(CALL_S):
                return await self._store.run_id()
        except (TimeoutError, StoreUnavailable) as error:
            self.lost()
            raise StoreUnavailable(str(error)) from error

    async def _seen_through(self, call: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: nobody else would look at it

    async def _rates(self, account: Account, requests: int, tokens: int, permits: int) -> RatesTold:
        now = self.clock()
        account.give_back_rates()
        corrections, account.corrections = account.corrections, {}
        limits = account.limits
        request_pace, token_pace = account.requests.pace(now), account.tokens.pace(now)
        args = (
            "" if limits.rpm is None else limits.rpm,
            requests,
            request_pace,
            "" if limits.tpm is None else limits.tpm,
            tokens,
            token_pace,
            "" if limits.concurrency is None else limits.concurrency,
            account.permits.used,
            permits,
            account.permits.used // 2,
            HELD_S,
            " ".join(f"{field} {amount}" for field, amount in corrections.items() if amount),
        )
        try:
            told = await self._ask(account.id, keyspace.money(account.id, "none"), args, _NO_MONEY)
        except StoreUnavailable:
            # Nobody knows whether it was done: what was counted too little is told again, what was too much is not.
            account.corrections |= {field: amount for field, amount in corrections.items() if amount > 0}
            raise
        arrived = self.clock()
        lacks = told[2].decode()
        slot, ends_at = int(told[0]), max(now + 1 - int(told[1]) / 1e6, arrived + GRACE_S)
        requests_told, tokens_told = Kind(*map(int, told[3:7])), Kind(*map(int, told[7:11]))
        for slice_, kind in ((account.requests, requests_told), (account.tokens, tokens_told)):
            _hand_over(slice_, kind, arrived)
        if limits.rpm is not None or limits.tpm is not None:
            account.slot, account.ends_at = slot, ends_at
        account.permits.told(int(told[11]), int(told[12]), arrived)
        return RatesTold(lacks, requests_told, tokens_told)

    async def _money(self, purse: Purse, need: int, *, drop: bool = False, keep: bool = False) -> str:
        async with purse.calling:
            most = purse.pace(self.clock()) if need else 0
            if not keep:
                purse.unspent = purse.frozen = 0
            purse.unsure = True
            state = await self._state(purse, purse.granted, need, most, drop=drop)
            purse.unsure = False
        return state

    async def _state(self, purse: Purse, claim: int, need: int, most: int, *, drop: bool) -> str:
        period = purse.period
        purse.seq += 1
        args = (
            purse.budget.usd_nano,
            period.id,
            keyspace.money_expires_at(period.id),
            purse.seq,
            claim,
            need,
            min(most, _MOST),
            "drop" if drop else "",
        )
        told = await self._ask(purse.account_id, keyspace.money(purse.account_id, period.id), _NO_RATES, args)
        state: str = told[13].decode()
        granted, purse.settled, purse.open = map(int, told[14:17])
        purse.told_at = self.clock()
        if granted:
            purse.receive(granted, purse.told_at)
        return state

    async def _ask(self, account_id: str, money: str, rates: tuple[Any, ...], funds: tuple[Any, ...]) -> list[Any]:
        if self.away:
            raise StoreUnavailable("it did not answer a moment ago")
        partition = keyspace.partition_of(account_id)
        keys = [
            keyspace.rates(account_id),
            money,
            keyspace.leases(partition, self.holder),
            keyspace.holders(partition),
        ]
        self.calls += 1
        asked_at = self._wall()
        try:
            async with asyncio.timeout(CALL_S):
                told: list[Any] = await self._store.run(
                    self._script, keys, [self.holder, account_id, keyspace.starving(), *rates, *funds]
                )
        except (TimeoutError, StoreUnavailable) as error:
            self.lost()
            raise StoreUnavailable(str(error)) from error
        self.last_contact = self.clock()
        self._set_clock(asked_at, self._wall(), int(told[0]) + int(told[1]) / 1e6)
        return told

    def _set_clock(self, asked_at: float, told_at: float, redis_at: float) -> None:
        """Redis' clock is right: it was read between these two moments of ours."""
        at_least, at_most = redis_at - told_at, redis_at - asked_at
        if not at_least <= self._offset_s <= at_most:
            self._offset_s = (at_least + at_most) / 2


def _hand_over(slice_: RateSlice, told: Kind, now: float) -> None:
    if slice_.limit is None:
        return
    slice_.remaining = told.remaining
    slice_.reset_at = now + told.reset_ms / 1000
    slice_.left += told.granted
