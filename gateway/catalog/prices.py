"""What tokens cost, in whole nano-dollars. Integers only: a bill is never a matter of rounding errors that add up."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from backends.types import Usage

MILLION = 1_000_000
NANO_PER_USD = 1_000_000_000


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


def cost(usage: Usage, price: Price) -> int:
    """The upstream's bill for one attempt: exact, then rounded once, half up."""
    cached = price.input if price.cached_input is None else price.cached_input
    written = price.input if price.cache_write is None else price.cache_write
    reasoning = price.output if price.reasoning is None else price.reasoning
    millionths = (
        usage.input * price.input
        + usage.cache_read_input * cached
        + usage.cache_creation_input * written
        + usage.output * price.output
        + usage.reasoning * reasoning
    )
    return (millionths + MILLION // 2) // MILLION + price.request


def usd_per_million(dollars: Decimal | str | float) -> int:
    """A price as people write it, USD per million tokens, in nano-dollars per million tokens.

    A float is taken at what it prints as (0.1 is a tenth of a dollar). What is finer than a nano-dollar is rounded half
    up; a negative price, an infinite one or no number at all is a ValueError.
    """
    return nano_dollars(dollars)


def nano_dollars(dollars: Decimal | str | float) -> int:
    """An amount in USD, in whole nano-dollars, half up."""
    try:
        amount = Fraction(Decimal(str(dollars).strip()))
    except (ArithmeticError, ValueError) as error:  # Decimal's complaint, and Fraction's about NaN and infinity.
        raise ValueError(f"{dollars!r} is no amount in US dollars") from error
    if amount < 0:
        raise ValueError(f"{dollars!r} is negative: a price is at least 0")
    return int(amount * NANO_PER_USD + Fraction(1, 2))


def as_usd(nano: int) -> str:
    """Nano-dollars as an exact decimal in USD, without trailing zeros: `0.00042`."""
    whole, rest = divmod(abs(nano), NANO_PER_USD)
    text = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{text}" if nano < 0 else text
