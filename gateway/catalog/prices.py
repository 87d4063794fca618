"""What tokens cost, in whole nano-dollars."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per million tokens, by token class; `request` is nano-dollars per request.

    A class that is None costs what its base class costs: cached input and cache writes as input, reasoning as output.
    """

    input: int
    output: int
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    request: int = 0
    version: str = ""
    """Where the price stands: `routing_rules.yaml@<hash>` or `genai-prices <version>`."""
