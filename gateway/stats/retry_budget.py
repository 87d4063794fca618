"""A bound on all retries together, so that an outage is not multiplied by those who ask again.

A token bucket, as in Finagle: each request pays a share of a retry in, each retry takes one out
(https://twitter.github.io/finagle/docs/com/twitter/finagle/service/RetryBudget.html).
"""

from gateway.catalog.handling import Retry

MOST = 100.0
"""Retries that can be saved up."""
_SECONDS_SAVED = 10.0


class RetryBudget:
    """One worker's."""

    __slots__ = ("_saved", "_since")

    def __init__(self) -> None:
        self._saved = 0.0
        self._since: float | None = None

    def pay_in(self, retry: Retry) -> None:
        """A request has come."""
        if self._saved < MOST:
            self._saved += retry.budget_share

    def take(self, retry: Retry, now: float) -> bool:
        """Whether there is one retry left; it is gone then."""
        passed_s = _SECONDS_SAVED if self._since is None else min(now - self._since, _SECONDS_SAVED)
        self._since = now
        self._saved = min(self._saved + passed_s * retry.budget_per_second, MOST)
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
