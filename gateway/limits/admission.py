"""Admits requests, and attempts: by all accounts or by none, from what this worker holds, or after asking for more.

    ticket = admission.quick(who, tokens) or await admission.admit(who, tokens, ends_at)     once per request
    reservation = admission.reserve_held(ticket, nano) or await admission.reserve(...)       once per attempt
    reservation.settle(charged)                                                              when it has ended
    ticket.close(now)                                                                        when the request has

The first of each pair is a few comparisons. Whoever is kept out only by reservations that are still open waits, first
in, first out; who finds no room beside what is spent is told so (402). How leases go back is in upkeep.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import tzinfo
from typing import Literal

from gateway.limits.accounts import Account, Accounts, Caller, Standing
from gateway.limits.bound import Bound
from gateway.limits.budget import Purse, Reservation
from gateway.limits.lease import Kind, RatesTold, Teller
from gateway.limits.period import Calendar
from gateway.limits.refusals import InsufficientQuota, RateLimited, StoreAway, owner
from gateway.limits.ticket import FREE, Ticket
from gateway.store.redis import StoreUnavailable

QUEUE_CAP = 2_000
"""Requests of one account that wait in one worker."""
LOOK_AGAIN_S = 0.05
PATIENCE_S = 2.5
"""How long an outage may last before those who need money that is not leased are refused."""
_TRIES = 8


class Admission:
    """One worker's."""

    def __init__(
        self,
        teller: Teller,
        zone: Callable[[], tzinfo],
        *,
        on_outage: Literal["lease", "open", "closed"] = "lease",
        queue_cap: int = QUEUE_CAP,
    ) -> None:
        self.accounts = Accounts()
        self.teller = teller
        self.calendar = Calendar(zone)
        self.lowered = 0
        """Attempts whose output was limited because a budget runs low."""
        self._on_outage = on_outage
        self._queue_cap = queue_cap
        self._clock = teller.clock

    def __repr__(self) -> str:
        return f"<Admission {len(self.accounts.by_id)} accounts, {self.teller}>"

    # Requests

    def quick(self, who: Caller, tokens: int) -> Ticket | None:
        """A ticket, if what is held suffices. The hot path: no I/O."""
        standing = self.accounts.standing(who)
        rated = standing.rated
        if rated:
            now = self._clock()
            for account in rated:
                if not account.fits(tokens, now):
                    return None
            for account in rated:
                account.take(tokens)
        elif not standing.funded:
            return FREE
        return self._ticket(standing, rated, tokens)

    async def admit(self, who: Caller, tokens: int, at_least: int = 0) -> Ticket:
        """The same, after asking Redis. Raises Refusal, and then nothing is used up.

        `at_least`: tokens of the input alone; more than a minute's are refused for good.
        """
        for _ in range(_TRIES):
            if ticket := self.quick(who, tokens):
                return ticket
            standing = self.accounts.standing(who)
            now = self._clock()
            for account in standing.rated:
                _refuse_too_large(account, at_least)
                if not account.fits(tokens, now):
                    alone = await self._ask(account, tokens)
                    if alone:
                        return self._admit_alone(standing, tokens)
            # All have granted; take before somebody else can: a slice may end with its second.
            if all(_holds(account, tokens) for account in standing.rated):
                for account in standing.rated:
                    account.take(tokens)
                return self._ticket(standing, standing.rated, tokens)
        raise RateLimited(
            "Too many requests at once. Try again shortly.", code="rate_limit_exceeded", retry_after_s=1.0
        )

    def _ticket(self, standing: Standing, rated: tuple[Account, ...], tokens: int) -> Ticket:
        purses, charged_to = standing.funds(self.calendar, self.teller.now())
        return Ticket(rated, tokens, purses, charged_to, unknown_price=standing.unknown_price)

    async def _ask(self, account: Account, tokens: int) -> bool:
        """Have Redis grant what the waiting requests of this account need. True: Redis is away, and so it may go on."""
        share = account.tokens.share_of(tokens)
        account.wanted += 1
        account.wanted_tokens += share
        try:
            async with account.asking:
                if _holds(account, tokens) and self._clock() < account.ends_at:
                    return False  # whoever asked before asked for all
                told = await self._ask_for_all(account, share)
        except StoreUnavailable as error:
            if self._on_outage == "closed" or not self._may_go_on(account, share):
                raise StoreAway from error
            return True
        finally:
            account.wanted -= 1
            account.wanted_tokens -= share
        if told.lacks:
            raise self._refusal(account, told)
        return False

    async def _ask_for_all(self, account: Account, share: int) -> RatesTold:
        """For all that wait; where that is too much, for the one whose turn it is."""
        waiting, waiting_tokens = account.wanted, account.wanted_tokens
        told = await self.teller.rates(account, waiting, waiting_tokens, waiting)
        if told.lacks and waiting > 1:
            told = await self.teller.rates(account, 1, share, 1)
        return told

    def _may_go_on(self, account: Account, share: int) -> bool:
        """Redis is away."""
        now = self._clock()
        if self._on_outage == "open":
            return True
        if account.permits.limit is not None and account.permits.used >= max(account.permits.held, 1):
            return False
        return account.requests.allowed_alone(now) >= 1 and account.tokens.allowed_alone(now) >= share

    def _admit_alone(self, standing: Standing, tokens: int) -> Ticket:
        for account in standing.rated:
            account.take(tokens)
            for slice_ in (account.requests, account.tokens):
                if slice_.limit is not None:
                    slice_.left = max(slice_.left, 0)
        return self._ticket(standing, standing.rated, tokens)

    def _refusal(self, account: Account, told: RatesTold) -> RateLimited:
        whose = owner(account.scope, account.name)
        if told.lacks == "permits":
            return RateLimited(
                f"{account.permits.limit} requests of {whose} are in flight, which is its limit. Wait for one to end.",
                code="concurrency_exceeded",
                retry_after_s=1.0,
            )
        kind: Kind = getattr(told, told.lacks)
        limit = getattr(account, told.lacks).limit
        return RateLimited(
            f"The limit of {limit} {told.lacks} per minute of {whose} is reached.",
            code="rate_limit_exceeded",
            retry_after_s=None if kind.wait_ms < 0 else kind.wait_ms / 1000,
            headers={
                f"x-ratelimit-limit-{told.lacks}": str(limit),
                f"x-ratelimit-remaining-{told.lacks}": str(max(0, kind.remaining)),
                f"x-ratelimit-reset-{told.lacks}": f"{-(-kind.reset_ms // 1000)}s",
            },
        )

    # Attempts

    def reserve_held(self, ticket: Ticket, nano: int) -> Reservation | None:
        """Set money aside, if what is held suffices. The hot path: no I/O."""
        for purse in ticket.purses:
            if purse.unspent < nano or purse.waiting:
                return None
        return Reservation(ticket.purses, nano)

    async def reserve(self, ticket: Ticket, bound: Bound, ends_at: float) -> tuple[Reservation, Bound]:
        """The same, after asking Redis, and after waiting for open reservations if only they stand in the way.

        The bound that comes back may be lower, where a budget says `on_low: lower`. `ends_at` is the request's
        deadline (monotonic seconds). Raises Refusal.
        """
        lacking = ticket.purses[0]
        try:
            async with asyncio.timeout(max(0.0, ends_at - self._clock())), AsyncExitStack() as turns:
                for purse in ticket.purses:  # in one order everywhere, so that nobody waits in a ring
                    lacking = purse
                    await turns.enter_async_context(self._turn(purse))
                    bound = await self._fill(purse, bound)
                return Reservation(ticket.purses, bound.nano), bound
        except TimeoutError:
            raise (StoreAway() if self.teller.away else self._only_reserved(lacking)) from None
        except StoreUnavailable as error:
            if self._on_outage != "open":
                raise StoreAway from error
            return Reservation(ticket.purses, bound.nano, funded=False), bound

    @asynccontextmanager
    async def _turn(self, purse: Purse) -> AsyncIterator[None]:
        if purse.waiting >= self._queue_cap:
            raise self._only_reserved(purse)
        purse.waiting += 1
        try:
            async with purse.turn:
                yield
        finally:
            purse.waiting -= 1

    async def _fill(self, purse: Purse, bound: Bound) -> Bound:
        """Until there is enough in it for this."""
        while purse.unspent < bound.nano:
            purse.freed.clear()
            try:
                state = await self.teller.money(purse, bound.nano)
            except StoreUnavailable:
                if self._on_outage != "lease" or self._clock() - self.teller.last_contact > PATIENCE_S:
                    raise
                state = "away"  # a Redis that merely stumbles is no reason to refuse
            if state == "spent":
                bound = self._lower(purse, bound)
            elif state != "granted":
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await purse.freed.wait()
        return bound

    def _lower(self, purse: Purse, bound: Bound) -> Bound:
        """To what settled spend leaves room for, where the budget says so."""
        if purse.budget.on_low == "lower":
            lower = bound.within(purse.budget.usd_nano - purse.settled)
            if lower is not None and lower.nano < bound.nano:
                self.lowered += 1
                return lower
        raise InsufficientQuota(purse, bound.nano)

    def _only_reserved(self, purse: Purse) -> RateLimited:
        return RateLimited(
            f"The rest of the budget of {owner(purse.scope, purse.name)} is reserved by requests in flight. Try again "
            "when some of them have ended.",
            code="budget_reserved",
            retry_after_s=1.0,
        )


def _holds(account: Account, tokens: int) -> bool:
    return (
        account.requests.left >= 1
        and account.tokens.left >= account.tokens.share_of(tokens)
        and account.permits.used < account.permits.held
    )


def _refuse_too_large(account: Account, at_least: int) -> None:
    limit = account.tokens.limit
    if limit is not None and at_least > limit:
        raise RateLimited(
            f"This request alone has about {at_least} tokens, more than the limit of {limit} per minute of "
            f"{owner(account.scope, account.name)}.",
            code="rate_limit_exceeded",
            retry_after_s=None,
        )
