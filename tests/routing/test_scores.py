"""Orders that go by what targets have been like of late."""

import random
from collections import Counter
from collections.abc import Mapping

import orjson
import pytest

from backends.types import ChatRequest, Target
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import Price
from gateway.routing.estimate import expected_output
from gateway.routing.policies import order_by
from gateway.routing.policies.score import EXPLORED
from gateway.routing.requirements import missed_now
from gateway.routing.schema.policies import PolicyRules, RequirementRules
from gateway.stats.snapshot import Prospect, Snapshot, TargetStatistics


def chat(**fields: object) -> ChatRequest:
    body = {"model": "m", "messages": [], "max_tokens": 100, **fields}
    return ChatRequest(orjson.dumps(body), body, "m", stream=True, wants_usage=False)


def deployment(name: str, usd: float | None = 1.0) -> Deployment:
    price = None if usd is None else Price(round(usd * 1e9), round(usd * 1e9))
    return Deployment(Target(name, "openai", "m", "http://x", "x"), price=price)


def known(first_token: float, per_token: float | None = 0.01) -> TargetStatistics:
    return TargetStatistics(first_token, first_token * 2, first_token * 3, per_token, 100.0)


def prospect(output: float | None = None, **targets: TargetStatistics) -> Prospect:
    lengths: Mapping[tuple[str, str], float] = {} if output is None else {("m", ""): output, ("m", "verbose"): 400.0}
    return Prospect(Snapshot({f"{name}/m@x": one for name, one in targets.items()}, lengths), "m", "key")


def firsts(policy: PolicyRules, deployments: list[Deployment], seen: Prospect, draws: int = 2_000) -> Counter[str]:
    dice, order = random.Random(1).random, order_by(policy, deployments)
    return Counter(order(chat(), dice, seen)[0].target.provider for _ in range(draws))


LATENCY, THROUGHPUT = PolicyRules(objective="latency"), PolicyRules(objective="throughput")
A, B, C = deployment("a"), deployment("b"), deployment("c")


def test_latency_counts_the_first_token_and_those_after_it() -> None:
    seen = prospect(a=known(0.1, 0.05), b=known(1.0, 0.01))  # 5.1 s against 2 s for 100 tokens
    assert firsts(LATENCY, [A, B], seen) == {"b": 2_000}


def test_throughput_looks_at_the_pace_alone() -> None:
    assert firsts(THROUGHPUT, [A, B], prospect(a=known(0.1, 0.05), b=known(9.0, 0.01))) == {"b": 2_000}


def test_near_equals_share_the_load_so_that_nobody_is_herded_upon() -> None:
    seen = prospect(a=known(1.0), b=known(1.05), c=known(3.0))
    count = firsts(LATENCY, [A, B, C], seen)
    assert set(count) == {"a", "b"}
    assert min(count.values()) > 800


def test_a_target_without_history_gets_its_share_to_earn_one() -> None:
    seen = prospect(a=known(1.0), b=known(2.0))
    count = firsts(LATENCY, [A, B, C], seen)
    assert abs(count["c"] / 2_000 - EXPLORED) < 0.02
    assert count["a"] > 1_800


def test_balanced_weighs_dollars_and_seconds() -> None:
    cheap_and_slow, dear_and_fast = deployment("a", usd=1), deployment("b", usd=50)
    seen = prospect(a=known(3.0), b=known(0.5))
    thrifty, hasty = (PolicyRules(objective="balanced", usd_per_second=worth) for worth in (0.0001, 0.1))
    assert firsts(thrifty, [cheap_and_slow, dear_and_fast], seen) == {"a": 2_000}
    assert firsts(hasty, [cheap_and_slow, dear_and_fast], seen) == {"b": 2_000}


def test_an_unknown_price_comes_last_in_balanced() -> None:
    assert firsts(
        PolicyRules(objective="balanced", usd_per_second=1),
        [deployment("a", None), B],
        prospect(a=known(0.1), b=known(9.0)),
    ) == {"b": 2_000}


def test_what_is_preferred_comes_first_and_the_rest_after_it() -> None:
    policy = PolicyRules(objective="cost", prefer={"ttft_p95": "2s"})
    cheap, dear = deployment("a", 1), deployment("b", 2)
    order = order_by(policy, [cheap, dear])
    seen = prospect(a=known(3.0), b=known(0.5))
    assert order(chat(), random.Random(1).random, seen) == (dear, cheap)
    assert order(chat(), random.Random(1).random, prospect()) == (cheap, dear)


@pytest.mark.parametrize(
    ("rules", "statistics", "why"),
    [
        ({"ttft_p50": "1s"}, known(2.0), "median"),
        ({"ttft_p50": "3s"}, known(2.0), None),
        ({"ttft_p95": "3s"}, known(2.0), "95th"),
        ({"min_throughput": 200}, known(1.0, 0.01), "100.0 tokens per second"),
        ({"min_throughput": 50}, known(1.0, 0.01), None),
        ({"max_cost": 0.00001}, known(1.0), "max_cost"),
        ({"max_cost": 1}, known(1.0), None),
        ({"ttft_p50": "1s"}, None, None),
    ],
)
def test_requirements_that_statistics_decide(
    rules: dict[str, object], statistics: TargetStatistics | None, why: str | None
) -> None:
    seen = prospect(**({"a": statistics} if statistics else {}))
    reason = missed_now(RequirementRules.model_validate(rules), A, chat(), seen)
    assert (why in reason) if why and reason else reason is why


def test_the_length_of_an_answer_is_what_this_key_has_had() -> None:
    seen = prospect(output=50.0)
    assert expected_output(chat(max_tokens=1000), seen) == 50
    assert expected_output(chat(max_tokens=20), seen) == 20
    assert expected_output(chat(max_tokens=1000), seen._replace(key_id="verbose")) == 400
