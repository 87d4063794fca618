"""Objective `throughput`: the most tokens per second first."""

from collections.abc import Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.order import Order
from gateway.routing.policies.score import by_score
from gateway.stats.snapshot import Prospect


def by_throughput(deployments: Sequence[Deployment]) -> Order:
    """Among near-equal ones at random, by weight."""
    return by_score(deployments, _seconds_per_token)


def _seconds_per_token(chat: ChatRequest, deployment: Deployment, prospect: Prospect) -> float | None:  # noqa: ARG001
    known = prospect.of(deployment.id)
    return known.per_token_s if known is not None else None
