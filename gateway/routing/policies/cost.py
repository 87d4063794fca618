"""Objective `cost`: the cheapest for this request first; among equals by priority, then at random by weight.

Whose price is unknown comes last: it may be anything.
"""

from collections.abc import Callable, Sequence
from math import log

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
    """The order depends on how long the input is: a request fee and a price per token weigh differently."""
    rows = [_row(deployment) for deployment in deployments]
    settled = tuple(deployments)

    def order(chat: ChatRequest, dice: Callable[[], float]) -> tuple[Deployment, ...]:
        given, expected = len(chat.raw) // BYTES_PER_TOKEN, expected_output(chat)
        ranked = [
            (unknown, per_input * given + per_output * expected + fee, priority, -log(1.0 - dice()) / weight, index)
            for index, (unknown, per_input, per_output, fee, priority, weight) in enumerate(rows)
        ]
        ranked.sort()
        return tuple([settled[rank[-1]] for rank in ranked])

    return order


def _row(deployment: Deployment) -> tuple[bool, int, int, int, int, float]:
    """Whether its price is unknown, the price, and what decides among equals (see shuffle.py for the weight)."""
    price, rest = deployment.price, (deployment.priority, deployment.weight)
    if price is None:
        return True, 0, 0, 0, *rest
    return False, price.input, price.output, price.request * MILLION, *rest


def expected_output(chat: ChatRequest) -> int:
    """Tokens that the answer is likely to have."""
    limit = chat.body.get("max_completion_tokens") or chat.body.get("max_tokens")
    return min(limit, EXPECTED_OUTPUT) if isinstance(limit, int) and limit > 0 else EXPECTED_OUTPUT
