"""Objective `cost`: the cheapest for this request first; among equals by priority, then at random by weight.

Whose price is unknown comes last: it may be anything.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf, log

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import MILLION

BYTES_PER_TOKEN = 4
"""English text and JSON around it; only the proportion of input to output matters here."""
EXPECTED_OUTPUT = 512
"""Tokens of an answer whose caller sets no lower limit, until there are statistics of real ones."""


def by_cost(
    deployments: Sequence[Deployment],
) -> Callable[[ChatRequest, Callable[[], float]], tuple[Deployment, ...]]:
    """The order may depend on how long the input is: a request fee and a price per token weigh differently.

    It is settled now where each is cheaper than the next one for whatever request.
    """
    settled, places = tuple(sorted(deployments, key=_rank)), range(len(deployments))
    if all(_always_before(_rank(one), _rank(other)) for one, other in pairwise(settled)):
        return lambda chat, dice: settled  # noqa: ARG005 - the order's signature
    prices = [_prices(deployment) for deployment in settled]

    def order(chat: ChatRequest, dice: Callable[[], float]) -> tuple[Deployment, ...]:
        given, expected = len(chat.raw) // BYTES_PER_TOKEN, expected_output(chat)
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


def expected_output(chat: ChatRequest) -> int:
    """Tokens that the answer is likely to have."""
    limit = chat.body.get("max_completion_tokens") or chat.body.get("max_tokens")
    return min(limit, EXPECTED_OUTPUT) if isinstance(limit, int) and limit > 0 else EXPECTED_OUTPUT
