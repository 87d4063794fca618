"""What metrics and dashboards show of budgets, as this worker was last told."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.limits.admission import Admission


class BudgetReading(NamedTuple):
    """One budget, in nano-dollars."""

    scope: str
    name: str
    limit: int
    spent: int
    reserved: int


def budgets(admission: Admission) -> Iterator[BudgetReading]:
    """Those of the current periods. Several workers know the same account: the latest told is right, not the sum."""
    now = admission.teller.now()
    for account in admission.accounts.by_id.values():
        for purse in account.purses.values():
            if purse.period.begins_at <= now < purse.period.ends_at and account.budget is not None:
                yield BudgetReading(
                    account.scope, account.name, account.budget.usd_nano, purse.settled, max(purse.open, 0)
                )
