"""How attempts at a deployment are carried out: how often, when it is left alone, what becomes of a cut stream.

Made from the routing file when it is loaded; dispatch obeys it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Retry:
    """Tries at one target before a fallback model is taken (CONTRACT: `retry`)."""

    attempts: int = 3
    """Tries per target, the first included."""
    retry_on: frozenset[str] = frozenset({"connect", "timeout", "408", "429", "5xx"})
    initial_s: float = 0.1
    max_s: float = 2.0
    budget_share: float = 0.2
    """Retries that each request pays for, on all requests' account."""
    budget_per_second: float = 0.3
    """Always allowed, however few requests there are."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a failing target is left alone for a while (CONTRACT: `circuit_breaker`)."""

    failures: float = 0.5
    over_s: float = 30.0
    minimum: int = 10
    open_for_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a second attempt is begun beside the first (CONTRACT: `hedge`)."""

    after: float | str
    """Seconds without anything to see; or the quantile of the target's own first tokens (`p95`) that is that long."""
    max_share: float = 0.05
    """The most hedges, as a share of the requests that may have one."""


@dataclass(frozen=True, slots=True)
class Handling:
    """All of it."""

    retry: Retry = field(default_factory=Retry)
    breaker: Breaker = field(default_factory=Breaker)
    mid_stream: str = "continue"
    """`continue`, `same_model` or `error`."""
    hedge: Hedge | None = None
    first_token_learned: bool = False
    """The first-token clock is told by the target's own history, as long as it has one."""
    min_rate: float | None = None
    """Tokens per second, below which a stream is too slow."""
