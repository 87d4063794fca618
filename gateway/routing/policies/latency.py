"""Objective `latency`: the shortest expected time first, from how fast the target has been of late."""

from collections.abc import Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.estimate import expected_output, expected_seconds
from gateway.routing.policies.order import Order
from gateway.routing.policies.score import by_score
from gateway.stats.snapshot import Prospect


def by_latency(deployments: Sequence[Deployment]) -> Order:
    """Among near-equal ones at random, by weight."""
    return by_score(deployments, _seconds)


def _seconds(chat: ChatRequest, deployment: Deployment, prospect: Prospect) -> float | None:
    return expected_seconds(prospect.of(deployment.id), expected_output(chat, prospect))
