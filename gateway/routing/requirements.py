"""Requirements on a target. What its data policy and its price decide is known at load, and what is not stated
satisfies none; what statistics decide is looked at per request, and a target without history gets a chance to earn one.
"""

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import Price
from gateway.routing.estimate import expected_nano, expected_output
from gateway.routing.schema.policies import PriceCapRules, RequirementRules
from gateway.stats.snapshot import Prospect, TargetStatistics

_BY_REQUEST = frozenset({"max_cost", "ttft_p50", "ttft_p95", "min_throughput"})


def needs_statistics(rules: RequirementRules) -> bool:
    """Whether `missed_now` has something to look at."""
    return bool(rules.model_fields_set & _BY_REQUEST)


def missed_now(rules: RequirementRules, deployment: Deployment, chat: ChatRequest, prospect: Prospect) -> str | None:
    """Why a target does not meet, for this request and as it has been of late, what `missed` does not look at."""
    if rules.max_cost is not None:
        nano = expected_nano(chat, deployment, expected_output(chat, prospect))
        if nano is None:
            return "its price is unknown, so its cost is"
        if nano > rules.max_cost:
            return "its expected cost is above max_cost"
    return _too_slow(rules, prospect.of(deployment.id))


def _too_slow(rules: RequirementRules, known: TargetStatistics | None) -> str | None:
    if known is None:
        return None
    if rules.ttft_p50 is not None and known.first_token_p50_s > rules.ttft_p50:
        return f"its median time to the first token is {known.first_token_p50_s:.2f} s"
    if rules.ttft_p95 is not None and known.first_token_p95_s > rules.ttft_p95:
        return f"its 95th percentile of the time to the first token is {known.first_token_p95_s:.2f} s"
    if rules.min_throughput is not None and known.per_token_s and 1.0 / known.per_token_s < rules.min_throughput:
        return f"its pace is {1.0 / known.per_token_s:.1f} tokens per second"
    return None


def missed(rules: RequirementRules, deployment: Deployment) -> str | None:
    """Why a target does not meet the requirements; None: it does."""
    policy = deployment.data_policy
    if rules.regions is not None and policy.region not in rules.regions:
        return f"region {policy.region or 'unknown'} is not {' or '.join(rules.regions)}"
    if rules.trains is False and policy.trains is not False:
        return "it trains on the data" if policy.trains else "whether it trains on the data is not stated"
    if rules.retains is False and policy.retains is not False:
        return "it keeps the data" if policy.retains else "whether it keeps the data is not stated"
    if rules.max_price is not None:
        return _too_dear(rules.max_price, deployment.price)
    return None


def _too_dear(cap: PriceCapRules, price: Price | None) -> str | None:
    if cap.input is None and cap.output is None:
        return None
    if price is None:
        return "its price is unknown"
    if (cap.input is not None and price.input > cap.input) or (cap.output is not None and price.output > cap.output):
        return "its price is above max_price"
    return None
