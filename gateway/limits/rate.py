"""What this worker holds of an account's requests or tokens for the current second.

Redis counts by the second, over the last sixty. A slice is counted in the second in which it was granted and is used in
it; what is left then goes back into that second's counter. So no sixty seconds ever see more than the limit.
"""

from math import exp, inf

GRACE_S = 0.02
"""A slice that arrives as its second ends can still be used by those who asked for it."""
OUTAGE_SHARE = 32
"""While Redis is away each worker goes on with this part of the limit, or what it used of late, if that is more."""
MINUTE_S = 60.0


class RateSlice:
    """Of one kind. Without a limit there is always enough."""

    __slots__ = ("_pace", "_paced_at", "_used", "left", "limit", "remaining", "reset_at", "taken")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.left: float = inf if limit is None else 0
        self.remaining = limit or 0
        """Of all, as last told, this worker's own slice not included."""
        self.reset_at = -inf
        """Monotonic seconds: when all of the limit is back."""
        self.taken = 0
        """Since the last call."""
        self._pace = self._paced_at = 0.0
        self._used: list[tuple[float, int]] = []

    def __repr__(self) -> str:
        return f"<RateSlice {self.left} of {self.limit}>"

    def share_of(self, amount: int) -> int:
        """What is counted for a request of this size: one that may write more than a minute's tokens counts as all."""
        return amount if self.limit is None or amount < self.limit else self.limit

    def take(self, amount: int) -> None:
        """The caller has seen that it fits."""
        self.left -= amount
        self.taken += amount

    def surrender(self) -> int:
        """What is left, which is the caller's to give back."""
        if self.limit is None or self.left <= 0:
            return 0
        left, self.left = int(self.left), 0
        return left

    def pace(self, now: float) -> int:
        """What this worker takes in a second, of late: the most that a slice may hold beyond the need."""
        self._pace = self._pace * exp(self._paced_at - now) + self.taken
        self._paced_at = now
        if self.taken:
            self._used = [(at, amount) for at, amount in self._used if at > now - MINUTE_S]
            self._used.append((now, self.taken))
        self.taken = 0
        return int(self._pace)

    def allowed_alone(self, now: float) -> int:
        """What may be taken now, while nobody can be asked."""
        if self.limit is None:
            return 1 << 60
        self.pace(now)
        recent = [amount for at, amount in self._used if at > now - MINUTE_S]
        return max(self.limit // OUTAGE_SHARE, 1) - sum(recent)

    def seen_by_callers(self) -> int:
        """Of the limit, what is left: for the header."""
        return max(0, self.remaining + (int(self.left) if self.limit is not None else 0))
