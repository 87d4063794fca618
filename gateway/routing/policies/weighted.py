"""Objective `weighted`: a random order, by weight alone; priorities are not looked at."""

from collections.abc import Callable, Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.shuffle import shuffled


def by_weight(
    deployments: Sequence[Deployment],
) -> Callable[[ChatRequest, Callable[[], float]], tuple[Deployment, ...]]:
    """Diced anew for each request."""
    settled = tuple(deployments)
    return lambda chat, dice: tuple(shuffled(settled, dice))  # noqa: ARG005 - the order's signature
