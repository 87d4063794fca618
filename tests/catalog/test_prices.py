"""Money: exact, in whole nano-dollars."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.types import Usage
from gateway.catalog.prices import Price, as_usd, cost, nano_dollars, usd_per_million

TOKENS = st.integers(0, 10**9)
RATES = st.integers(0, 10**12)
USAGES = st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS)
PRICES = st.builds(Price, RATES, RATES, RATES, RATES, RATES, RATES)


@given(USAGES, PRICES)
def test_cost_is_the_exact_sum_rounded_half_up_once(usage: Usage, price: Price) -> None:
    assert price.cached_input is not None
    assert price.cache_write is not None
    assert price.reasoning is not None
    exact = Fraction(
        usage.input * price.input
        + usage.cache_read_input * price.cached_input
        + usage.cache_creation_input * price.cache_write
        + usage.output * price.output
        + usage.reasoning * price.reasoning,
        10**6,
    )
    rounded = cost(usage, price) - price.request
    assert Fraction(-1, 2) < rounded - exact <= Fraction(1, 2)


@given(USAGES, RATES, RATES)
def test_classes_without_a_price_cost_what_their_base_class_costs(usage: Usage, input_: int, output: int) -> None:
    merged = Usage(
        input=usage.input + usage.cache_read_input + usage.cache_creation_input, output=usage.output + usage.reasoning
    )
    assert cost(usage, Price(input_, output)) == cost(merged, Price(input_, output))


@pytest.mark.parametrize(("rate", "nano"), [(499_999, 0), (500_000, 1), (1_499_999, 1), (1_500_000, 2)])
def test_half_a_nano_dollar_rounds_up(rate: int, nano: int) -> None:
    assert cost(Usage(input=1), Price(rate, 0)) == nano


def test_a_cached_price_of_zero_is_zero_and_not_absent() -> None:
    assert cost(Usage(cache_read_input=10**6), Price(5, 5, cached_input=0)) == 0


@given(st.decimals(0, 10_000, allow_nan=False, places=9))
def test_a_decimal_price_is_taken_exactly(dollars: Decimal) -> None:
    assert usd_per_million(dollars) == int(dollars * 10**9)
    assert usd_per_million(str(dollars)) == int(dollars * 10**9)


@given(st.decimals(0, 10, allow_nan=False, places=12))
def test_what_is_finer_than_a_nano_dollar_rounds_half_up(dollars: Decimal) -> None:
    assert nano_dollars(dollars) == int((dollars * 10**9).quantize(Decimal(1), ROUND_HALF_UP))


def test_a_float_is_what_it_prints_as() -> None:
    assert usd_per_million(0.1) == 100_000_000
    assert usd_per_million(2.2) == 2_200_000_000


@pytest.mark.parametrize("wrong", ["nan", "inf", "-1", "free", "", float("nan"), Decimal("-0.1")])
def test_what_is_no_price_is_refused(wrong: str | float | Decimal) -> None:
    with pytest.raises(ValueError, match=r"US dollars|negative"):
        usd_per_million(wrong)


@given(st.integers(-(10**18), 10**18))
def test_dollars_are_shown_exactly(nano: int) -> None:
    assert Decimal(as_usd(nano)) == Decimal(nano) / 10**9
