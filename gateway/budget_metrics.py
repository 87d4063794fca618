"""What the metrics say of budgets, as this worker last saw them."""

from gateway.catalog.prices import NANO_PER_USD
from gateway.limits.admission import Admission
from gateway.limits.reading import budgets
from gateway.metrics import Labels, Metrics


def observe_budgets(metrics: Metrics, admission: Admission) -> None:
    """Set the gauges anew. Names are those of keys, teams and the organisation: operators give them."""
    limits: dict[Labels, float] = {}
    spent: dict[Labels, float] = {}
    reserved: dict[Labels, float] = {}
    for reading in budgets(admission):
        place = (reading.scope, reading.name)
        limits[place] = reading.limit / NANO_PER_USD
        spent[place] = reading.spent / NANO_PER_USD
        reserved[place] = reading.reserved / NANO_PER_USD
    metrics.budget_limit.values = limits
    metrics.budget_spent.values = spent
    metrics.budget_reserved.values = reserved
