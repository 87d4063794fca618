"""A deployment: one model at one endpoint of one provider, with what it costs and how long it may take.

Made when the routing file is loaded, one for each target and endpoint; choosing among them is routing's.
"""

from dataclasses import dataclass, field
from typing import Protocol

from backends.types import Clocks, Target
from gateway.catalog.handling import Breaker, Handling
from gateway.catalog.prices import Price


class Catalogue(Protocol):
    """What is known of models that the routing file does not say."""

    def price(self, provider: str, model: str) -> Price | None:
        """What this provider lists for the model; None: unknown."""

    def context_window(self, provider: str, model: str) -> int | None:
        """How many tokens the model reads at most; None: unknown."""


@dataclass(frozen=True, slots=True)
class DataPolicy:
    """What becomes of the data there. None: not stated, and that satisfies no requirement."""

    trains: bool | None = None
    retains: bool | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where one attempt may go."""

    target: Target
    priority: int = 1
    """1 is tried first."""
    weight: float = 1.0
    """Share among those of the same priority; a target's weight is divided among its endpoints."""
    price: Price | None = None
    """None: unknown, which is never free."""
    clocks: Clocks = field(default_factory=Clocks)
    handling: Handling = field(default_factory=Handling)
    context_window: int | None = None
    max_output: int | None = None
    data_policy: DataPolicy = DataPolicy()
    drained: bool = False
    """Takes no new requests; what runs there is left to finish."""
    capabilities: frozenset[str] = frozenset()
    """What the routing file declares of it; `continue`: it takes up an answer that was begun elsewhere."""

    @property
    def id(self) -> str:
        """`provider/model@endpoint`."""
        return self.target.id

    @property
    def breaker(self) -> Breaker:
        """When it is to be left alone."""
        return self.handling.breaker
