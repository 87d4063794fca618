"""The orders: every candidate exactly once, and the right one first."""

import random
from collections import Counter

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backends.types import ChatRequest, Target
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import Price
from gateway.routing.estimate import expected_output
from gateway.routing.policies import ORDERS
from gateway.routing.policies.shuffle import shuffled
from gateway.stats.snapshot import NOTHING_KNOWN, Prospect

UNKNOWN = Prospect(NOTHING_KNOWN, "m", "key")


def chat(**fields) -> ChatRequest:
    body = {"model": "m", "messages": [], **fields}
    return ChatRequest(orjson.dumps(body), body, "m", stream=False, wants_usage=False)


def deployment(name: str, priority: int = 1, weight: float = 1.0, price: Price | None = None) -> Deployment:
    return Deployment(Target(name, "openai", "m", "http://x", "x"), priority=priority, weight=weight, price=price)


prices = st.none() | st.builds(Price, st.integers(0, 10**10), st.integers(0, 10**10), request=st.integers(0, 10**7))
deployments = st.lists(st.tuples(st.integers(1, 3), st.floats(0.001, 1000), prices), max_size=8).map(
    lambda rows: [deployment(f"p{i}", *row) for i, row in enumerate(rows)]
)


@given(deployments, st.sampled_from(sorted(ORDERS)), st.integers())
def test_every_order_holds_each_deployment_once(candidates: list[Deployment], objective: str, seed: int) -> None:
    ordered = ORDERS[objective](candidates)(chat(), random.Random(seed).random, UNKNOWN)
    assert sorted(ordered, key=id) == sorted(candidates, key=id)


@given(deployments, st.integers())
def test_priority_is_never_out_of_order(candidates: list[Deployment], seed: int) -> None:
    ordered = ORDERS["priority"](candidates)(chat(), random.Random(seed).random, UNKNOWN)
    assert [d.priority for d in ordered] == sorted(d.priority for d in candidates)


@given(deployments, st.integers())
def test_cost_puts_the_cheapest_first_and_unknown_prices_last(candidates: list[Deployment], seed: int) -> None:
    asked = chat(max_tokens=100)
    ordered = ORDERS["cost"](candidates)(asked, random.Random(seed).random, UNKNOWN)
    given_tokens = len(asked.raw) // 4
    costs = [
        d.price.input * given_tokens + d.price.output * 100 + d.price.request * 10**6 if d.price else float("inf")
        for d in ordered
    ]
    assert costs == sorted(costs)


@given(st.floats(0, 1, exclude_max=True))
def test_any_throw_of_the_dice_will_do(throw: float) -> None:
    candidates = [deployment("a"), deployment("b")]
    assert len(shuffled(candidates, lambda: throw)) == 2


def test_weights_are_chances() -> None:
    dice = random.Random(1).random
    order = ORDERS["weighted"]([deployment("a", weight=3), deployment("b", priority=9), deployment("c", weight=6)])
    firsts = Counter(order(chat(), dice, UNKNOWN)[0].target.provider for _ in range(10_000))
    assert abs(firsts["a"] - 3_000) < 200
    assert abs(firsts["b"] - 1_000) < 200


def test_equal_costs_share_the_load() -> None:
    dice = random.Random(1).random
    order = ORDERS["cost"]([deployment(name, price=Price(1, 1)) for name in "abc"])
    firsts = Counter(order(chat(), dice, UNKNOWN)[0].target.provider for _ in range(3_000))
    assert min(firsts.values()) > 800


def test_a_request_fee_weighs_more_on_a_short_request() -> None:
    fee, no_fee = (
        deployment("fee", price=Price(0, 0, request=1_000_000)),
        deployment("tokens", price=Price(10**9, 10**9)),
    )
    order = ORDERS["cost"]([fee, no_fee])
    assert order(chat(max_tokens=1), lambda: 0.5, UNKNOWN)[0] is no_fee
    assert order(chat(max_tokens=1, filler="x" * 8_000), lambda: 0.5, UNKNOWN)[0] is fee


def test_the_expected_output_is_the_callers_limit_or_less() -> None:
    assert expected_output(chat(), UNKNOWN) == 512
    assert expected_output(chat(max_tokens=10), UNKNOWN) == 10
    assert expected_output(chat(max_completion_tokens=20, max_tokens=10), UNKNOWN) == 20
    assert expected_output(chat(max_tokens=100_000), UNKNOWN) == 512
