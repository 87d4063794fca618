"""Money: what this worker holds of an account's budget for one period, and what of it is reserved for attempts.

    granted (by Redis, less what was given back) = charged + reserved + unspent + frozen

Redis knows the left side per worker, and of `charged` what the journal has brought there. Each call states the left
side anew, so that a lost answer, a repeated call or a Redis that came back with less heals by the next one.
"""

import asyncio
from collections import deque
from math import exp, inf

from gateway.catalog.allowances import Budget
from gateway.limits.period import Period

USE_S = 10.0
"""A slice is at most what this worker spends in so long."""
YOUNG_S = 2.0
"""A grant younger than this may be lost with a Redis that comes back: without contact it is not spent."""


class Purse:
    """Of one account in one period."""

    __slots__ = (
        "_pace",
        "_paced_at",
        "_recent",
        "account_id",
        "budget",
        "calling",
        "charged",
        "freed",
        "frozen",
        "name",
        "open",
        "period",
        "reserved",
        "scope",
        "seen",
        "seq",
        "settled",
        "taken",
        "told_at",
        "touched_at",
        "turn",
        "unspent",
        "unsure",
        "waiting",
    )

    def __init__(self, scope: str, account_id: str, name: str, budget: Budget, period: Period) -> None:
        self.scope = scope
        self.account_id = account_id
        self.name = name
        """As the operator knows the account."""
        self.budget = budget
        self.period = period
        self.unspent = self.reserved = self.charged = self.frozen = 0
        self.settled = self.open = 0
        """Of the whole account, as last told."""
        self.seq = 0
        self.told_at = self.touched_at = -inf
        self.taken = self.seen = 0
        """Reserved since the last call; and as of the last beat."""
        self.waiting = 0
        """Requests that wait for their turn here, and the one that has it."""
        self.turn = asyncio.Lock()
        self.calling = asyncio.Lock()
        self.unsure = False
        """A call had no answer: Redis may take more for granted than we do."""
        self.freed = asyncio.Event()
        self._pace = self._paced_at = 0.0
        self._recent: deque[tuple[float, int]] = deque()

    def __repr__(self) -> str:
        return f"<Purse {self.account_id} {self.period.id}: {self.unspent} unspent, {self.reserved} reserved>"

    @property
    def committed(self) -> int:
        """What can't be given back."""
        return self.charged + self.reserved

    @property
    def granted(self) -> int:
        """All that this worker was granted and has not given back."""
        return self.charged + self.reserved + self.unspent + self.frozen

    def pace(self, now: float) -> int:
        """What this worker reserves in ten seconds, of late."""
        self._pace = self._pace * exp((self._paced_at - now) / USE_S) + self.taken
        self._paced_at = self.touched_at = now
        self.taken = self.seen = 0
        return int(self._pace)

    def is_used(self) -> bool:
        """Whether something was reserved since the last beat, or still is."""
        used = self.taken != self.seen or self.reserved > 0
        self.seen = self.taken
        return used

    def receive(self, amount: int, at: float) -> None:
        """A grant."""
        self.unspent += amount
        while self._recent and self._recent[0][0] < at - YOUNG_S:
            self._recent.popleft()
        self._recent.append((at, amount))

    def freeze(self, last_contact: float) -> None:
        """Contact is lost: what was granted just before may be unknown to the Redis that comes back."""
        young = sum(amount for at, amount in self._recent if at >= last_contact - YOUNG_S)
        moved = max(0, min(self.unspent, young - self.frozen))
        self.unspent -= moved
        self.frozen += moved

    def change(self, budget: Budget) -> None:
        """The operator has changed it: what is held unspent was granted under the former one, and is not spent."""
        if budget.usd_nano != self.budget.usd_nano:
            self.frozen += self.unspent
            self.unspent = 0
        self.budget = budget

    def thaw(self) -> None:
        """Redis knows again what is held here."""
        self.unspent += self.frozen
        self.frozen = 0
        self.freed.set()


class Reservation:
    """Money that is set aside for one attempt, in every account that pays for it. `settle` ends it, once."""

    __slots__ = ("_funded", "_purses", "bound_nano", "nano")

    def __init__(self, purses: tuple[Purse, ...], nano: int, *, funded: bool = True) -> None:
        self._purses = purses
        self._funded = funded
        self.nano = nano
        self.bound_nano = nano if funded else None
        """The most that may be charged; None: nothing was reserved, so all of it."""
        for purse in purses:
            if funded:
                purse.unspent -= nano
            purse.reserved += nano
            purse.taken += nano

    def __repr__(self) -> str:
        return f"<Reservation of {self.nano} in {len(self._purses)} accounts>"

    def settle(self, charged: int) -> None:
        """The attempt is over. What it was not charged can be used again at once; a second call changes nothing."""
        purses, self._purses = self._purses, ()
        for purse in purses:
            purse.reserved -= self.nano
            purse.charged += charged
            if self._funded:
                purse.unspent += self.nano - charged
                if purse.waiting:
                    purse.freed.set()
