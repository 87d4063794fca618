"""What an admitted request holds: its place in the rates, its permits, and the purses that pay for its attempts."""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType

from gateway.limits.accounts import Account
from gateway.limits.budget import Purse
from gateway.limits.rate import RateSlice

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Ticket:
    """One request's. `close` ends it, once."""

    __slots__ = ("_accounts", "_slots", "_tokens", "charged_to", "purses", "unknown_price", "used")

    def __init__(
        self,
        accounts: tuple[Account, ...],
        tokens: int,
        purses: tuple[Purse, ...],
        charged_to: tuple[tuple[str, str], ...],
        *,
        unknown_price: bool,
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._slots = [account.slot for account in accounts]
        self.purses = purses
        self.charged_to = charged_to
        self.unknown_price = unknown_price
        """Models may be used whose price is unknown."""
        self.used = 0
        """Tokens that its attempts came to: whoever ends an attempt adds them."""

    def __repr__(self) -> str:
        return f"<Ticket in {[account.id for account in self._accounts]}>"

    @property
    def counts(self) -> bool:
        """Whether somebody's rates are to be kept."""
        return bool(self._accounts)

    def close(self, now: float, *, refused: bool = False) -> None:
        """The request is over; a second call changes nothing. `refused`: it was not served, so it counts nowhere."""
        accounts = self._accounts
        if not accounts:
            return
        self._accounts = ()
        for account, slot in zip(accounts, self._slots, strict=False):
            account.permits.used -= 1
            account.touched_at = now
            if refused and account.requests.limit is not None:
                _give_back(account, "r", account.requests, slot, 1, now)
            tokens = account.tokens
            if tokens.limit is not None:
                _give_back(account, "t", tokens, slot, tokens.share_of(self._tokens) - self.used, now)

    def headers(self, now: float) -> Mapping[str, str]:
        """`x-ratelimit-*`: the tightest account's, for each kind."""
        headers: dict[str, str] = {}
        for kind in ("requests", "tokens"):
            limited = [found for account in self._accounts if (found := getattr(account, kind)).limit is not None]
            if limited:
                tightest: RateSlice = min(limited, key=RateSlice.seen_by_callers)
                headers[f"x-ratelimit-limit-{kind}"] = str(tightest.limit)
                headers[f"x-ratelimit-remaining-{kind}"] = str(tightest.seen_by_callers())
                headers[f"x-ratelimit-reset-{kind}"] = f"{max(0, ceil(tightest.reset_at - now))}s"
        return headers or NO_HEADERS


def _give_back(account: Account, kind: str, slice_: RateSlice, slot: int, amount: int, now: float) -> None:
    """What was counted too much in this second (negative: too little). Into the slice, while that is the same one."""
    if not amount:
        return
    if amount > 0 and account.slot == slot and now < account.ends_at:
        slice_.left += amount
        return
    account.correct(f"{kind}:{slot}", -amount)


FREE = Ticket((), 0, (), (), unknown_price=True)
"""Of callers who have neither limits nor a budget. It holds nothing, so all of them may have the same."""
