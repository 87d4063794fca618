"""Accounts as this worker sees them: what it holds of each, and which of them a caller's request counts against."""

import asyncio
from collections.abc import Mapping
from math import inf
from typing import Literal, Protocol

from gateway.catalog.allowances import Allowance, Budget, Limits
from gateway.limits.budget import Purse
from gateway.limits.concurrency import Permits
from gateway.limits.period import Calendar
from gateway.limits.rate import RateSlice

Scope = Literal["key", "team", "organisation"]
ORGANISATION = "organisation"
NO_ALLOWANCE = Allowance()


class Caller(Protocol):
    """What must be known of who calls (auth's Principal)."""

    @property
    def key_id(self) -> str:
        """The key's account."""

    @property
    def name(self) -> str:
        """Of the key."""

    @property
    def team(self) -> str | None:
        """Whose account counts too."""

    @property
    def limits(self) -> Limits | None:
        """The key's own."""

    @property
    def budget(self) -> Budget | None:
        """The key's own."""

    @property
    def unknown_price(self) -> Literal["refuse", "allow"] | None:
        """Whether models may be used whose price is unknown."""


def team_account(team: str) -> str:
    """The id of a team's account."""
    return f"team:{team}"


class Account:
    """What this worker holds of one account, and what it knows of it."""

    __slots__ = (
        "asking",
        "budget",
        "corrections",
        "ends_at",
        "id",
        "limits",
        "name",
        "permits",
        "purses",
        "requests",
        "scope",
        "slot",
        "tokens",
        "touched_at",
        "wanted",
        "wanted_tokens",
    )

    def __init__(self, scope: Scope, account_id: str, name: str, allowance: Allowance) -> None:
        self.scope = scope
        self.id = account_id
        self.name = name
        self.budget = allowance.budget
        self.purses: dict[str, Purse] = {}
        """By period."""
        self.asking = asyncio.Lock()
        self.wanted = self.wanted_tokens = 0
        """By requests that wait for the answer to a call, or for their turn to ask."""
        self.corrections: dict[str, int] = {}
        """Of seconds that are past: what was counted too much (negative) or too little."""
        self.touched_at = -inf
        self.slot = 0
        """Redis' second that the slices of the rates are counted in."""
        self.ends_at = -inf
        """Monotonic seconds: when that second is over, and with it the slices."""
        self.limits = NO_LIMITS
        self.requests = self.tokens = RateSlice(None)
        self.permits = Permits(None)
        self._limit(allowance.limits or NO_LIMITS)

    def __repr__(self) -> str:
        return f"<Account {self.id} {self.requests} {self.tokens} {self.permits} {list(self.purses.values())}>"

    def change(self, name: str, allowance: Allowance) -> None:
        """The operator has said something new: what is held under the former limits is void."""
        self.name = name
        self.budget = allowance.budget
        if (limits := allowance.limits or NO_LIMITS) != self.limits:
            self.give_back_rates()
            self._limit(limits)
        for purse in self.purses.values():
            purse.name = name
            if allowance.budget is not None and purse.period.id[0] == allowance.budget.period[0]:
                purse.change(allowance.budget)

    def _limit(self, limits: Limits) -> None:
        self.limits = limits
        self.ends_at = inf if limits.rpm is None and limits.tpm is None else -inf
        self.requests, self.tokens = RateSlice(limits.rpm), RateSlice(limits.tpm)
        former, self.permits = self.permits, Permits(limits.concurrency)
        self.permits.used = former.used

    def purse(self, calendar: Calendar, at: float) -> Purse | None:
        """Of the period that this moment lies in; None: it has no budget."""
        if self.budget is None:
            return None
        period = calendar.at(self.budget.period, at)
        purse = self.purses.get(period.id)
        if purse is None:
            purse = self.purses[period.id] = Purse(self.scope, self.id, self.name, self.budget, period)
        return purse

    def fits(self, tokens: int, now: float) -> bool:
        """Whether a request can be admitted from what is held."""
        permits, left = self.permits, self.tokens.left
        return (
            now < self.ends_at
            and self.requests.left >= 1
            and (left >= tokens or left >= self.tokens.share_of(tokens))
            and permits.used < permits.held
            and not self.wanted
        )

    def take(self, tokens: int) -> None:
        """Admit one."""
        requests, slice_ = self.requests, self.tokens
        requests.left -= 1
        requests.taken += 1
        if slice_.limit is not None:
            slice_.take(slice_.share_of(tokens))
        self.permits.used += 1

    def give_back_rates(self) -> None:
        """What is left of the second's slices goes back to where it was counted."""
        for kind, slice_ in (("r", self.requests), ("t", self.tokens)):
            if left := slice_.surrender():
                self.correct(f"{kind}:{self.slot}", -left)

    def correct(self, field: str, amount: int) -> None:
        """With the next call."""
        self.corrections[field] = self.corrections.get(field, 0) + amount


NO_LIMITS = Limits()


class Standing:
    """One caller's accounts, worked out once and kept for as long as nothing about them changes."""

    __slots__ = ("_charged_to", "_funds", "_until", "funded", "rated", "unknown_price", "version", "who")

    def __init__(self, who: Caller, version: int, accounts: list[Account]) -> None:
        self.who = who
        self.version = version
        self.rated = tuple(account for account in accounts if account.limits)
        self.funded = tuple(account for account in accounts if account.budget is not None)
        self.unknown_price = who.unknown_price == "allow" or not self.funded
        self._until = -inf
        self._funds: tuple[Purse, ...] = ()
        self._charged_to: tuple[tuple[str, str], ...] = ()

    def funds(self, calendar: Calendar, at: float) -> tuple[tuple[Purse, ...], tuple[tuple[str, str], ...]]:
        """The purses that pay for a request of this moment, and the same as the journal writes it."""
        if not at < self._until:
            self._funds = tuple(purse for account in self.funded if (purse := account.purse(calendar, at)) is not None)
            self._charged_to = tuple((purse.account_id, purse.period.id) for purse in self._funds)
            self._until = min((purse.period.ends_at for purse in self._funds), default=inf)
        return self._funds, self._charged_to


class Accounts:
    """All that this worker has met."""

    def __init__(self) -> None:
        self.by_id: dict[str, Account] = {}
        self._standings: dict[str, Standing] = {}
        self._shared: Mapping[str, Allowance] = {}
        self._version = 0

    def share(self, allowances: Mapping[str, Allowance]) -> None:
        """What teams and the organisation may do, by account."""
        self._shared = allowances
        self._version += 1
        for account in list(self.by_id.values()):
            if account.scope != "key":
                account.change(account.name, allowances.get(account.id, NO_ALLOWANCE))

    def standing(self, who: Caller) -> Standing:
        """The accounts that this caller's requests count against."""
        standing = self._standings.get(who.key_id)
        if standing is None or standing.who is not who or standing.version != self._version:
            standing = self._standings[who.key_id] = self._work_out(who)
        return standing

    def purse(self, account_id: str, period_id: str) -> Purse | None:
        """If this worker has it."""
        account = self.by_id.get(account_id)
        return None if account is None else account.purses.get(period_id)

    def forget(self, account: Account) -> None:
        """Nothing is held of it."""
        self.by_id.pop(account.id, None)
        self._standings.pop(account.id, None)
        self._version += 1  # others' standings may refer to it: they are worked out anew

    def _work_out(self, who: Caller) -> Standing:
        own = Allowance(who.limits, who.budget)
        found = [self._account("key", who.key_id, who.name, own)]
        if who.team is not None:
            found.append(self._account("team", team_account(who.team), who.team, self._of(team_account(who.team))))
        found.append(self._account("organisation", ORGANISATION, ORGANISATION, self._of(ORGANISATION)))
        return Standing(who, self._version, [account for account in found if account is not None])

    def _of(self, account_id: str) -> Allowance:
        return self._shared.get(account_id, NO_ALLOWANCE)

    def _account(self, scope: Scope, account_id: str, name: str, allowance: Allowance) -> Account:
        account = self.by_id.get(account_id)
        if account is None:
            account = Account(scope, account_id, name, allowance)
            if allowance.limits or allowance.budget is not None:
                self.by_id[account_id] = account
        else:
            account.change(name, allowance)
        return account
