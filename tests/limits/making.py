"""Callers, and workers that serve them without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Literal

from backends.types import Usage
from gateway.catalog.allowances import Budget, Limits
from gateway.catalog.prices import Price
from gateway.limits.admission import Admission
from gateway.limits.allowance_store import AllowanceStore
from gateway.limits.bound import Bound
from gateway.limits.lease import Teller
from gateway.limits.upkeep import Upkeep
from gateway.metering.cube import Cube
from gateway.metering.flusher import Flusher
from gateway.metering.journal import Journal
from gateway.metering.records import Ending, EndState, UsageRecord
from gateway.store import keyspace
from gateway.store.redis import Script, Store, StoreUnavailable
from tests.metering.making import start

USD = 1_000_000_000
PER_TOKEN = Price(0, 1_000_000_000_000, version="test")
"""A thousandth of a dollar for each token that is written, nothing for those that are read."""
MILLI = USD // 1000


@dataclass(frozen=True, slots=True)
class Who:
    """Implements gateway.limits.accounts.Caller."""

    key_id: str = "key_a"
    name: str = "a"
    team: str | None = None
    limits: Limits | None = None
    budget: Budget | None = None
    unknown_price: Literal["refuse", "allow"] | None = None


def with_budget(usd: float, period: Any = "month", **more: Any) -> Who:
    return Who(budget=Budget(round(usd * USD), period, more.pop("on_low", "reject")), **more)


def with_limits(**limits: Any) -> Who:
    return Who(limits=Limits(**limits))


def tokens_out(most: int) -> Bound:
    """The bound of an attempt that may write so many tokens, at a thousandth of a dollar each."""
    return Bound(0, 1_000_000_000_000, most, 1)


class Worker:
    """One worker process, less its network."""

    def __init__(self, store: Store, journal: Journal, **options: Any) -> None:
        self.store = store
        self.journal = journal
        self.teller = Teller(store, journal.id)
        self.admission = Admission(self.teller, lambda: UTC, **options)
        self.upkeep = Upkeep(self.admission, store, AllowanceStore(store).all)
        self.flusher = Flusher(journal, store, Script.load("apply_records"), Cube())
        self.stopped = self.killed = False
        self._count = 0

    async def ticket(self, who: Who, tokens: int = 1) -> Any:
        return self.admission.quick(who, tokens) or await self.admission.admit(who, tokens)

    async def serve(
        self, who: Who, most: int, writes: int, *, takes_s: float = 0.0, within_s: float = 30.0
    ) -> UsageRecord:
        """One request of one attempt: may write `most` tokens, writes so many."""
        ticket = await self.ticket(who)
        try:
            bound = tokens_out(most)
            reservation = self.admission.reserve_held(ticket, bound.nano)
            if reservation is None:
                ends_at = self.teller.clock() + within_s
                reservation, bound = await self.admission.reserve(ticket, bound, ends_at)
            self._count += 1
            opened = self.journal.sent(
                start(
                    key=who.key_id,
                    request=f"{self.journal.id}-{self._count}",
                    team=who.team,
                    price=PER_TOKEN,
                    charged_to=ticket.charged_to,
                    reserved_nano=reservation.nano,
                )
            )
            usage = None
            try:
                if takes_s:
                    await asyncio.sleep(takes_s)
                usage = Usage(output=min(writes, bound.output_tokens))
            finally:
                state = EndState.COMPLETE if usage else EndState.CLIENT_CLOSED
                usage = usage or Usage(output=min(writes, bound.output_tokens) // 2)
                record = opened.done(Ending(state, 200, final=True, usage=usage))
                reservation.settle(record.charged_nano)
            return record
        finally:
            ticket.close(self.teller.clock())

    async def flush_on(self) -> None:
        """What the meter's task does."""
        known = None
        while not self.stopped:
            with suppress(StoreUnavailable):
                run_id = await self.store.run_id()
                if run_id != known:
                    await self.flusher.verify()
                await self.flusher.flush()
                known = run_id
            await asyncio.sleep(0.1)

    async def beat_on(self) -> None:
        """What the upkeep's task does, sooner."""
        while not self.stopped:
            await self.upkeep.beat()
            await asyncio.sleep(0.2)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """With its tasks."""
    duties = [
        asyncio.create_task(duty) for duty in (worker.flush_on(), worker.beat_on(), worker.upkeep._hear_the_starving())
    ]
    try:
        yield worker
    finally:
        worker.stopped = True
        duties[-1].cancel()
        ends = await asyncio.gather(*duties, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end


@asynccontextmanager
async def workers(count: int, url: str, directory: Path, **options: Any) -> AsyncIterator[list[Worker]]:
    """Several, each with its own connection and journal."""
    from gateway.store.redis import connect

    made = [Worker(await connect(url), Journal.open(directory / "journal"), **options) for _ in range(count)]
    try:
        yield made
    finally:
        for worker in made:
            worker.journal.close()
            await worker.store.close()


async def money(store: Store, account: str, period: str) -> tuple[int, int]:
    """Settled and open."""
    settled, open_ = await store.client.hmget(keyspace.money(account, period), "settled", "open")  # type: ignore[misc]
    return int(settled or 0), int(open_ or 0)
