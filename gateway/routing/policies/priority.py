"""Objective `priority`: 1 before 2; among equals at random, by weight."""

from collections.abc import Callable, Sequence
from itertools import groupby

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.shuffle import shuffled


def by_priority(
    deployments: Sequence[Deployment],
) -> Callable[[ChatRequest, Callable[[], float]], tuple[Deployment, ...]]:
    """The order is settled now where every priority has a single target; else the ties are diced for per request."""
    ranked = sorted(deployments, key=lambda deployment: deployment.priority)
    tiers = tuple(tuple(tier) for _, tier in groupby(ranked, key=lambda deployment: deployment.priority))
    if len(tiers) == len(ranked):
        settled = tuple(ranked)
        return lambda chat, dice: settled  # noqa: ARG005 - the order's signature

    def order(chat: ChatRequest, dice: Callable[[], float]) -> tuple[Deployment, ...]:  # noqa: ARG001
        ordered: list[Deployment] = []
        for tier in tiers:
            ordered += shuffled(tier, dice)
        return tuple(ordered)

    return order
