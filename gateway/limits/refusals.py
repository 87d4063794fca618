"""What a caller is told who can't be admitted.

Refusal
├── RateLimited        429   rate_limit_exceeded, concurrency_exceeded, budget_reserved
├── InsufficientQuota  402   settled spend leaves no room
├── UnknownPrice       403   nobody knows what it would cost
└── StoreAway          503   nothing is leased, and nobody can be asked
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil, isinf
from typing import Any

from gateway.catalog.prices import as_usd
from gateway.errors import GatewayError
from gateway.limits.budget import Purse

LONGEST_RETRY_AFTER_S = 60.0


class Refusal(GatewayError):
    """Not admitted. It used up nothing."""


class RateLimited(Refusal):
    """429. `retry-after` stands only where the wait is one that a client should sit out."""

    status, code, type, origin, retry = 429, "rate_limit_exceeded", "rate_limit_error", "caller", True

    def __init__(
        self, message: str, *, code: str, retry_after_s: float | None, headers: Mapping[str, str] | None = None
    ) -> None:
        given = dict(headers or {})
        if retry_after_s is not None and retry_after_s <= LONGEST_RETRY_AFTER_S:
            milliseconds = max(1, ceil(retry_after_s * 1000))
            given |= {"retry-after": str(max(1, ceil(retry_after_s))), "retry-after-ms": str(milliseconds)}
        super().__init__(message, code=code, headers=given)
        self.retry = "retry-after" in given


class InsufficientQuota(Refusal):
    """402."""

    status, code, type, origin = 402, "insufficient_quota", "insufficient_quota", "caller"

    def __init__(self, purse: Purse, need_nano: int) -> None:
        limit, resets = purse.budget.usd_nano, resets_at(purse)
        spent, left = f"${as_usd(purse.settled)} of ${as_usd(limit)}", limit - purse.settled
        why = (
            f"is used up: {spent} are spent"
            if left <= 0
            else f"has no room for this request: {spent} are spent, and it may cost up to ${as_usd(need_nano)}"
        )
        when = f" It resets at {resets}." if resets else ""
        advice = " Ask for less (max_tokens), or ask the operator for more." if left > 0 else ""
        metadata: dict[str, Any] = {
            "scope": purse.scope,
            "spent_usd": as_usd(purse.settled),
            "limit_usd": as_usd(limit),
            "resets_at": resets,
        }
        super().__init__(f"The budget of {owner(purse.scope, purse.name)} {why}.{when}{advice}", metadata=metadata)


class UnknownPrice(Refusal):
    """403."""

    status, code, type, origin = 403, "no_eligible_target", "permission_error", "caller"

    def __init__(self, target: str) -> None:
        super().__init__(
            f"The price of {target} is unknown, and this key has a budget. Set a price in the routing file, or "
            "'unknown_price: allow' on the key."
        )


class StoreAway(Refusal):
    """503."""

    status, code, retry = 503, "store_unavailable", True

    def __init__(self) -> None:
        super().__init__(
            "The gateway's store is away and nothing is leased for this key. Try again shortly.",
            headers={"retry-after": "1"},
        )


def owner(scope: str, name: str) -> str:
    """Of whom a message speaks."""
    return "the organisation" if scope == "organisation" else f"{scope} {name!r}"


def resets_at(purse: Purse) -> str | None:
    """When its budget begins anew; None: never by itself."""
    if isinf(purse.period.ends_at):
        return None
    return datetime.fromtimestamp(purse.period.ends_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
