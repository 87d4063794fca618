"""Objective `balanced`: dollars and seconds in one currency, a second being worth `usd_per_second`.

Whose price is unknown comes last: it may be anything.
"""

from collections.abc import Sequence
from math import inf

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import NANO_PER_USD
from gateway.routing.estimate import expected_nano, expected_output, expected_seconds
from gateway.routing.policies.order import Order
from gateway.routing.policies.score import by_score
from gateway.stats.snapshot import Prospect


def balanced(deployments: Sequence[Deployment], usd_per_second: float) -> Order:
    """Among near-equal ones at random, by weight."""

    def score(chat: ChatRequest, deployment: Deployment, prospect: Prospect) -> float | None:
        output = expected_output(chat, prospect)
        nano = expected_nano(chat, deployment, output)
        if nano is None:
            return inf
        seconds = expected_seconds(prospect.of(deployment.id), output)
        return None if seconds is None else nano / NANO_PER_USD + seconds * usd_per_second

    return by_score(deployments, score)
