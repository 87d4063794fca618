"""Requests in flight: the permits that this worker holds, and those that are in use."""

from math import inf

HELD_S = 10
"""A permit that its holder does not confirm for so long is free again: a dead worker's requests are dead too."""
CONFIRM_S = 3.0


class Permits:
    """Of one account. Without a limit there is always one."""

    __slots__ = ("all_held", "confirmed_at", "held", "limit", "used")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.held: float = inf if limit is None else 0
        self.used = 0
        self.confirmed_at = -inf
        """Monotonic seconds, when Redis last heard of it."""
        self.all_held = 0
        """By all workers, as last told."""

    def __repr__(self) -> str:
        return f"<Permits {self.used} of {self.held} in use, limit {self.limit}>"

    def told(self, held: int, all_held: int, now: float) -> None:
        """What Redis has granted."""
        if self.limit is not None:
            self.held, self.all_held, self.confirmed_at = held, all_held, now

    def is_due(self, now: float) -> bool:
        """Whether Redis should be told again: to keep what is used, or to give back what is not."""
        if self.limit is None or self.held <= 0:
            return False
        return now - self.confirmed_at >= (CONFIRM_S if self.used else 0.0)
