"""What happens beside requests: leases that rest go back, those in use are confirmed, and after a Redis that came back
with less all are said again.

    every second   which server answers (another one: say again what is held); permits confirmed; what rested goes back
    at once        what is unspent goes back when a request elsewhere starves
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import cast

from gateway.catalog.allowances import Allowance
from gateway.limits.accounts import Account
from gateway.limits.admission import Admission
from gateway.limits.budget import Purse
from gateway.log import get
from gateway.store import keyspace
from gateway.store.redis import Script, Store, StoreUnavailable

BEAT_S = 1.0
REST_S = 1.0
REFRESH_S = 5.0
"""How old the view of an account's money may be while something of it is reserved somewhere."""
FORGET_S = 7_200.0
"""Longer than any request lives that may still come back to its purse."""


class Upkeep:
    """One worker's. `run` must be kept running."""

    def __init__(
        self, admission: Admission, store: Store, allowances: Callable[[], Awaitable[Mapping[str, Allowance]]]
    ) -> None:
        self._admission = admission
        self._accounts = admission.accounts
        self._teller = admission.teller
        self._store = store
        self._allowances = allowances
        self._run_id: str | None = None
        self._was_away = False

    def __repr__(self) -> str:
        return f"<Upkeep of {self._admission}>"

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat_on())
            tasks.create_task(self._hear_the_starving())
            tasks.create_task(self._hear_changes())

    async def beat(self) -> None:
        """One round."""
        try:
            run_id = await self._teller.run_id()
        except StoreUnavailable:
            self._freeze()
            return
        self._teller.found()
        try:
            if run_id != self._run_id or self._was_away:
                await self._assert_all()
            self._run_id, self._was_away = run_id, False
            for account in list(self._accounts.by_id.values()):
                await self._tend(account)
        except StoreUnavailable:
            self._freeze()

    async def close(self) -> None:
        """This worker stops: all goes back. What is still reserved stays so until its journal is settled."""
        try:
            await self._give_back_all()
        except StoreUnavailable:
            get("limits").warning("leases are given back by whoever adopts this journal")

    async def _give_back_all(self) -> None:
        for account in list(self._accounts.by_id.values()):
            for purse in list(account.purses.values()):
                if purse.unspent or purse.frozen:
                    await self._teller.money(purse, 0)
            if account.limits:
                await self._tell_rates(account)

    async def reload(self) -> None:
        """Read what teams and the organisation may do."""
        self._accounts.share(await self._allowances())

    def _freeze(self) -> None:
        self._was_away = True
        for account in self._accounts.by_id.values():
            for purse in account.purses.values():
                purse.freeze(self._teller.last_contact)

    async def _assert_all(self) -> None:
        for account in list(self._accounts.by_id.values()):
            for purse in list(account.purses.values()):
                await self._teller.reassert(purse)
                purse.thaw()

    async def _tend(self, account: Account) -> None:
        now = self._teller.clock()
        for purse in list(account.purses.values()):
            await self._tend_purse(account, purse, now)
        held = (slice_.left for slice_ in (account.requests, account.tokens) if slice_.limit is not None)
        expired = now >= account.ends_at and any(left > 0 for left in held)
        if account.corrections or expired or account.permits.is_due(now):
            await self._tell_rates(account)
        if not account.purses and not account.permits.used and now - account.touched_at > FORGET_S:
            self._accounts.forget(account)

    async def _tend_purse(self, account: Account, purse: Purse, now: float) -> None:
        if purse.is_used():
            purse.touched_at = now
            account.touched_at = now
        rested = now - purse.touched_at >= REST_S
        past = purse.period.ends_at <= self._teller.now()
        if (purse.unspent or purse.frozen) and (rested or past) and not purse.waiting:
            await self._teller.money(purse, 0)
        elif purse.unsure or ((purse.open or purse.reserved) and now - purse.told_at >= REFRESH_S):
            await self._teller.reassert(purse)
        elif purse.granted == purse.charged and now - purse.touched_at > FORGET_S and not purse.waiting:
            await self._drop(account, purse)

    async def _drop(self, account: Account, purse: Purse) -> None:
        """Redis forgets it too, once all that it was charged has been applied."""
        if await self._teller.money(purse, 0, drop=True) == "dropped":
            purse.charged = 0
            account.purses.pop(purse.period.id, None)
            self._accounts.forget(account)

    async def _tell_rates(self, account: Account) -> None:
        account.wanted += 1  # nobody takes from what is being given back
        try:
            async with account.asking:
                await self._teller.rates(account, 0, 0, 0)
        finally:
            account.wanted -= 1

    async def _beat_on(self) -> None:
        while True:
            try:
                await self.beat()
            except Exception:  # noqa: BLE001  the rim of a background task: leases must be tended
                get("limits").exception("a beat of the leases failed")
            await asyncio.sleep(BEAT_S)

    async def _hear_the_starving(self) -> None:
        cries = cast("AsyncGenerator[bytes | None, None]", self._store.subscribe(keyspace.starving()))
        async with aclosing(cries) as messages:
            async for message in messages:
                if message is not None:
                    await self.relieve(message.decode())

    async def relieve(self, name: str) -> None:
        """Give back at once what is unspent of this money."""
        account_id, period = keyspace.of_money(name)
        purse = self._accounts.purse(account_id, period)
        if purse is None or purse.waiting or not purse.unspent:
            return
        try:
            await self._teller.money(purse, 0)
        except StoreUnavailable:
            get("limits").warning("a lease could not be given back", account=purse.account_id)

    async def _hear_changes(self) -> None:
        changes = cast("AsyncGenerator[bytes | None, None]", self._store.subscribe(keyspace.allowances_changed()))
        async with aclosing(changes) as messages:
            async for _ in messages:
                try:
                    await self.reload()
                except StoreUnavailable as error:
                    get("limits").warning("the limits of teams can't be read", error=str(error))


async def close_leases(store: Store, holder: str) -> None:
    """End what a dead journal holds, once all that it settled is applied; again is no harm. Raises StoreUnavailable."""
    script = Script.load("lease_close")
    partitions = range(keyspace.PARTITIONS)
    known = await store.execute_all([("SISMEMBER", keyspace.holders(each), holder) for each in partitions])
    for partition, there in zip(partitions, known, strict=True):
        if there:
            keys = [keyspace.leases(partition, holder), keyspace.holders(partition)]
            await store.run(script, keys, [holder, keyspace.money_prefix(partition)])
