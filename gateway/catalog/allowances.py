"""What an account may do: rates, requests in flight, and money. Values; who holds to them is limits."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["day", "week", "month", "total"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be done at once: requests and tokens per minute, requests in flight. None: no limit."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None

    def __bool__(self) -> bool:
        return self.rpm is not None or self.tpm is not None or self.concurrency is not None


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in a period."""

    usd_nano: int
    """Nano-dollars."""
    period: Kind
    on_low: Literal["reject", "lower"] = "reject"
    alerts: tuple[float, ...] = ()
    """Fractions of the budget at which to raise an alert."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """All of it, for a team or for the organisation."""

    limits: Limits | None = None
    budget: Budget | None = None
