"""Objective `weighted`: a random order, by weight alone; priorities are not looked at."""

from collections.abc import Sequence

from gateway.catalog.deployments import Deployment
from gateway.routing.policies.order import Order
from gateway.routing.policies.shuffle import shuffled


def by_weight(
    deployments: Sequence[Deployment],
) -> Order:
    """Diced anew for each request."""
    settled = tuple(deployments)
    return lambda chat, dice, prospect: tuple(shuffled(settled, dice))  # noqa: ARG005 - the order's signature
