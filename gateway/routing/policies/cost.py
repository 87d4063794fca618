"""Objective `cost`: the cheapest for this request first; among equals by priority, then at random by weight.

Whose price is unknown comes last: it may be anything.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf, log

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import MILLION
from gateway.routing.estimate import expected_output
from gateway.routing.policies.order import Dice, Order
from gateway.stats.snapshot import Prospect


def by_cost(
    deployments: Sequence[Deployment],
) -> Order:
    """The order may depend on how long the input is: a request fee and a price per token weigh differently.

    It is settled now where each is cheaper than the next one for whatever request.
    """
    settled, places = tuple(sorted(deployments, key=_rank)), range(len(deployments))
    if all(_always_before(_rank(one), _rank(other)) for one, other in pairwise(settled)):
        return lambda chat, dice, prospect: settled  # noqa: ARG005 - the order's signature
    prices = [_prices(deployment) for deployment in settled]

    def order(chat: ChatRequest, dice: Dice, prospect: Prospect) -> tuple[Deployment, ...]:
        given, expected = chat.input_tokens, expected_output(chat, prospect)
        costs = [per_input * given + per_output * expected + fee for per_input, per_output, fee in prices]
        ranked = [
            (cost, deployment.priority, -log(1.0 - dice()) / deployment.weight, index)  # the weight: see shuffle.py
            for cost, deployment, index in zip(costs, settled, places, strict=True)
        ]
        ranked.sort()
        return tuple([settled[rank[-1]] for rank in ranked])

    return order


def _rank(deployment: Deployment) -> tuple[float, ...]:
    return (*_prices(deployment), deployment.priority)


def _always_before(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Every request has tokens both ways: dearer in one part and cheaper in none is dearer."""
    *prices, priority = one
    *others, other_priority = other
    if prices == others:
        return priority < other_priority
    return all(a <= b for a, b in zip(prices, others, strict=True))


def _prices(deployment: Deployment) -> tuple[float, float, float]:
    """Per input token, per output token, per request."""
    price = deployment.price
    return (inf, inf, inf) if price is None else (price.input, price.output, price.request * MILLION)
