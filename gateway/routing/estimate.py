"""What an attempt is expected to take, in tokens, dollars and seconds. Pure: what is known comes in as a snapshot."""

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import MILLION
from gateway.stats.snapshot import Prospect, TargetStatistics

EXPECTED_OUTPUT = 512
"""Tokens of an answer whose caller sets no lower limit, until there are statistics of real ones."""


def expected_output(chat: ChatRequest, prospect: Prospect) -> int:
    """Tokens the answer is likely to have: as this model's answers to this key have had, up to the caller's limit."""
    known = prospect.snapshot.expected_output(prospect.model, prospect.key_id)
    likely = EXPECTED_OUTPUT if known is None else max(round(known), 1)
    limit = chat.body.get("max_completion_tokens") or chat.body.get("max_tokens")
    return min(limit, likely) if isinstance(limit, int) and limit > 0 else likely


def expected_nano(chat: ChatRequest, deployment: Deployment, output: int) -> int | None:
    """Nano-dollars; None: the price is unknown."""
    price = deployment.price
    if price is None:
        return None
    return (price.input * chat.input_tokens + price.output * output) // MILLION + price.request


def expected_seconds(known: TargetStatistics | None, output: int) -> float | None:
    """Until the answer is whole; None: the target has no history."""
    if known is None:
        return None
    return known.first_token_p50_s + (known.per_token_s or 0.0) * output
