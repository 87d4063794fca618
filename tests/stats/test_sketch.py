"""Quantiles within five per cent, of late rather than of ever."""

import random
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stats.sketch import HALF_LIFE_S, Sketch


def test_quantiles_are_within_five_per_cent_of_the_exact_ones() -> None:
    dice = random.Random(3)
    values = [dice.lognormvariate(-1, 1) for _ in range(20_000)]
    sketch = Sketch(0.0)
    for value in values:
        sketch.add(value, 1.0)
    exact = quantiles(values, n=100)
    for wanted, found in zip((50, 95, 99), sketch.quantiles(0.5, 0.95, 0.99), strict=True):
        assert found == pytest.approx(exact[wanted - 1], rel=0.06)


def test_the_past_fades() -> None:
    sketch = Sketch(0.0)
    for _ in range(100):
        sketch.add(10.0, 0.0)
    for _ in range(30):
        sketch.add(1.0, 3 * HALF_LIFE_S)
    assert sketch.quantiles(0.5)[0] == pytest.approx(1.0, rel=0.06)
    assert sketch.count(3 * HALF_LIFE_S) == pytest.approx(100 / 8 + 30)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e7)), min_size=1, max_size=60))
def test_nothing_grows_beyond_all_bounds_however_long_it_runs(steps: list[tuple[float, float]]) -> None:
    sketch, now = Sketch(0.0), 0.0
    for seconds, wait in steps:
        now += wait
        sketch.add(seconds, now)
    low, high = sketch.quantiles(0.0, 1.0)
    assert 0 < low <= high < float("inf")
    assert 0.99 <= sketch.count(now) <= len(steps) + 0.01


def test_merging_is_the_same_as_having_seen_it_all() -> None:
    one, other, both = Sketch(0.0), Sketch(50.0), Sketch(0.0)
    for number in range(1, 200):
        (one if number % 3 else other).add(number / 10, 100.0)
        both.add(number / 10, 100.0)
    one.merge(other.faded(200.0), 200.0)
    assert one.quantiles(0.5, 0.9) == both.quantiles(0.5, 0.9)
    assert one.count(200.0) == pytest.approx(both.count(200.0))


def test_nothing_observed_is_no_number() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Sketch(0.0).quantiles(0.5)
