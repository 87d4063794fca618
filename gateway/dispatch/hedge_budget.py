"""A bound on all hedges together: each request that may have one pays a share of one in, each hedge takes one out."""

MOST = 10.0
"""Hedges that can be saved up, so that a slow minute after quiet hours does not double everything."""


class HedgeBudget:
    """One worker's."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        self._saved = 0.0

    def pay_in(self, share: float) -> None:
        """A request has come that may have a hedge."""
        self._saved = min(self._saved + share, MOST)

    def take(self) -> bool:
        """Whether there is one left; it is gone then."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
