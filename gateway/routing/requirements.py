"""Hard requirements on a target that its data policy and its price decide. What is not stated satisfies none."""

from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import Price
from gateway.routing.schema.policies import PriceCapRules, RequirementRules

DECIDED = frozenset({"regions", "trains", "retains", "max_price"})
"""Those that are looked at; the others need statistics that are not kept yet."""


def undecided(rules: RequirementRules) -> list[str]:
    """The requirements that nobody can check yet."""
    return sorted(rules.model_fields_set - DECIDED)


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
