"""Candidates by a score that comes from what is known of late: the lowest first, without herding.

Near-equal ones are diced for by weight, so that many gateways that see the same figures do not all choose the same
target. One without history is tried first for a small share of the requests, so that it earns one, and is taken for an
average one otherwise.
"""

from collections.abc import Callable, Sequence
from math import inf, isinf
from statistics import median

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.policies.order import Dice, Order
from gateway.routing.policies.shuffle import shuffled
from gateway.stats.snapshot import Prospect

NEAR = 1.1
"""Scores within this factor of the best are near enough to be diced for."""
EXPLORED = 0.05
"""Share of the requests that a target without history gets first."""

Score = Callable[[ChatRequest, Deployment, Prospect], float | None]
"""Lower is better; None: nothing is known."""


def by_score(deployments: Sequence[Deployment], score: Score) -> Order:
    """An order by this score; whose score is infinite comes last."""
    settled = tuple(deployments)

    def order(chat: ChatRequest, dice: Dice, prospect: Prospect) -> tuple[Deployment, ...]:
        if len(settled) < 2:
            return settled
        known = [(score(chat, deployment, prospect), deployment) for deployment in settled]
        unknown = [deployment for value, deployment in known if value is None]
        if unknown and dice() < EXPLORED:
            first = shuffled(unknown, dice)[0]
            return (first, *[each for each in _ranked(known, dice) if each is not first])
        return tuple(_ranked(known, dice))

    return order


def _ranked(known: Sequence[tuple[float | None, Deployment]], dice: Dice) -> list[Deployment]:
    finite = [value for value, _ in known if value is not None and not isinf(value)]
    average = median(finite) if finite else 0.0
    scored = [(average if value is None else value, deployment) for value, deployment in known]
    best = min((value for value, _ in scored), default=inf)
    near = [deployment for value, deployment in scored if value <= best * NEAR]
    rest = sorted(
        ((value, deployment.priority, index) for index, (value, deployment) in enumerate(scored) if value > best * NEAR)
    )
    return [*shuffled(near, dice), *[scored[index][1] for _, _, index in rest]]
