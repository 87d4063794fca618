"""Objective `priority`: 1 before 2; among equals at random, by weight."""

from collections.abc import Sequence
from itertools import groupby

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.order import Dice, Order
from gateway.routing.policies.shuffle import shuffled
from gateway.stats.snapshot import Prospect


def by_priority(
    deployments: Sequence[Deployment],
) -> Order:
    """The order is settled now where every priority has a single target; else the ties are diced for per request."""
    ranked = sorted(deployments, key=lambda deployment: deployment.priority)
    tiers = tuple(tuple(tier) for _, tier in groupby(ranked, key=lambda deployment: deployment.priority))
    if len(tiers) == len(ranked):
        settled = tuple(ranked)
        return lambda chat, dice, prospect: settled  # noqa: ARG005 - the order's signature

    def order(chat: ChatRequest, dice: Dice, prospect: Prospect) -> tuple[Deployment, ...]:  # noqa: ARG001
        ordered: list[Deployment] = []
        for tier in tiers:
            ordered += shuffled(tier, dice)
        return tuple(ordered)

    return order
