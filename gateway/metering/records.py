"""The line a bill is made of, and the two values it is made from: how an attempt began, and how it ended.

Named tuples, since each request makes all three (see backends/types.py).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from backends.types import Usage
from gateway.catalog.prices import Price


class EndState(StrEnum):
    """How an attempt ended. `docs/metering.md` says for each who pays, and from which count."""

    COMPLETE = "complete"
    CLIENT_CLOSED = "client_closed"
    UPSTREAM_FAILED = "upstream_failed"
    TIMED_OUT = "timed_out"
    CONTINUED = "continued"
    """It broke off after content, and the next attempt went on with its answer."""
    HEDGE_LOST = "hedge_lost"
    """Another attempt of the same request was faster; this one was ended."""
    REFUSED = "refused"
    NEVER_SENT = "never_sent"
    KILLED = "killed"


class Source(StrEnum):
    """Where the token counts come from. NONE: nothing was processed, so there is nothing to count."""

    PROVIDER = "provider"
    ESTIMATED = "estimated"
    NONE = "none"


class AttemptStart(NamedTuple):
    """All that is known when an attempt is sent; enough to settle it if this process dies."""

    attempt_id: str
    request_id: str
    number: int
    """1 for the request's first attempt."""
    at: float
    """Epoch seconds of the request's admission: the period it belongs to."""
    key_id: str
    key_name: str
    team: str | None
    tags: Mapping[str, str]
    dialect: str
    model: str
    """The name the caller's model was found under in the routing file."""
    provider: str
    target: str
    """`provider/model@endpoint`."""
    upstream_model: str
    stream: bool
    price: Price | None
    rules_hash: str
    input_estimate: int
    """Tokens, estimated from the bytes of the prompt."""
    output_bound: int
    """Tokens: the most this attempt can be asked to generate."""
    charged_to: tuple[tuple[str, str], ...] = ()
    """Accounts with a budget, each with the period that this request belongs to."""
    reserved_nano: int | None = None
    """What was set aside for this attempt, in each of them. None: nothing was, and nothing bounds the charge."""


class Ending(NamedTuple):
    """How it went."""

    state: EndState
    status: int
    """HTTP status as the caller sees it if this attempt is the request's last (499: the caller left)."""
    final: bool
    """The request ends with this attempt; no failover follows."""
    usage: Usage | None = None
    """As the upstream reported it."""
    content_events: int = 0
    """Content-bearing events seen so far: the count of last resort for a stream that was cut."""
    may_have_billed: bool = True
    error: str | None = None
    ttft_s: float | None = None
    duration_s: float = 0.0


class UsageRecord(NamedTuple):
    """One upstream attempt, metered exactly once."""

    start: AttemptStart
    ending: Ending
    usage: Usage
    source: Source
    cost_nano: int | None
    """Whole nano-dollars; None: the price is unknown (never 0 for unknown)."""

    @property
    def charged_nano(self) -> int:
        """What budgets are charged: never more than was set aside."""
        cost, reserved = self.cost_nano or 0, self.start.reserved_nano
        return cost if reserved is None else min(cost, reserved)

    @property
    def overrun_nano(self) -> int:
        """What the upstream billed beyond the bound it was sent with: the operator's."""
        return (self.cost_nano or 0) - self.charged_nano
