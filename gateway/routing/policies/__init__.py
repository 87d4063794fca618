"""How candidates are put in order, one way per file. Each is made when the file is loaded and called per request."""

from collections.abc import Callable, Mapping, Sequence

from gateway.catalog.deployments import Deployment
from gateway.routing.policies.balanced import balanced
from gateway.routing.policies.cost import by_cost
from gateway.routing.policies.latency import by_latency
from gateway.routing.policies.order import Dice, Order
from gateway.routing.policies.preference import preferring
from gateway.routing.policies.priority import by_priority
from gateway.routing.policies.throughput import by_throughput
from gateway.routing.policies.weighted import by_weight
from gateway.routing.schema.policies import PolicyRules

ORDERS: Mapping[str, Callable[[Sequence[Deployment]], Order]] = {
    "priority": by_priority,
    "weighted": by_weight,
    "cost": by_cost,
    "latency": by_latency,
    "throughput": by_throughput,
}
"""By objective; `balanced` also needs to know what a second is worth."""

__all__ = ["ORDERS", "Dice", "Order", "order_by"]


def order_by(policy: PolicyRules, deployments: Sequence[Deployment]) -> Order:
    """The order that a policy asks for: by its objective, what it prefers first."""
    if policy.objective == "balanced":
        order = balanced(deployments, policy.usd_per_second or 0)
    else:
        order = ORDERS[policy.objective](deployments)
    return order if policy.prefer is None else preferring(policy.prefer, order)
