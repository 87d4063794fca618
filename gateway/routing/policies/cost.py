"""Objective `cost`: the cheapest for this request first; among equals by priority, then at random by weight.

Whose price is unknown comes last: it may be anything.
"""

from collections.abc import Callable, Sequence

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import MILLION
from gateway.routing.policies.shuffle import shuffled

BYTES_PER_TOKEN = 4
"""English text and JSON around it; only the proportion of input to output matters here."""
EXPECTED_OUTPUT = 512
"""Tokens of an answer whose caller sets no lower limit, until there are statistics of real ones."""


def by_cost(deployments: Sequence[Deployment]) -> Callable[[ChatRequest, Callable[[], float]], tuple[Deployment, ...]]:
    """The order depends on how long the input is: a request fee and a price per token weigh differently."""
    settled = tuple(deployments)

    def order(chat: ChatRequest, dice: Callable[[], float]) -> tuple[Deployment, ...]:
        ordered = shuffled(settled, dice)
        if len(ordered) > 1:
            given, expected = len(chat.raw) // BYTES_PER_TOKEN, expected_output(chat)
            ordered.sort(key=lambda deployment: _rank(deployment, given, expected))
        return tuple(ordered)

    return order


def expected_output(chat: ChatRequest) -> int:
    """Tokens that the answer is likely to have."""
    limit = chat.body.get("max_completion_tokens") or chat.body.get("max_tokens")
    return min(limit, EXPECTED_OUTPUT) if isinstance(limit, int) and limit > 0 else EXPECTED_OUTPUT


def _rank(deployment: Deployment, given: int, expected: int) -> tuple[bool, int, int]:
    price = deployment.price
    if price is None:
        return True, 0, deployment.priority
    return False, price.input * given + price.output * expected + price.request * MILLION, deployment.priority
