"""How candidates are put in order, one way per file. Each is made when the file is loaded and called per request."""

from collections.abc import Callable, Mapping, Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.cost import by_cost
from gateway.routing.policies.priority import by_priority
from gateway.routing.policies.weighted import by_weight

Dice = Callable[[], float]
"""A number from 0 up to, and without, 1."""
Order = Callable[[ChatRequest, Dice], tuple[Deployment, ...]]

ORDERS: Mapping[str, Callable[[Sequence[Deployment]], Order]] = {
    "priority": by_priority,
    "weighted": by_weight,
    "cost": by_cost,
}
"""By objective. Those that are missing need statistics that are not kept yet."""
