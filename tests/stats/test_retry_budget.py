"""However bad it is, retries are a share of the requests."""

from gateway.catalog.handling import Retry
from gateway.stats.retry_budget import RetryBudget

RULES = Retry(budget_share=0.2, budget_per_second=0.3)


def test_a_few_are_always_allowed() -> None:
    budget = RetryBudget()
    assert [budget.take(RULES, 0.0) for _ in range(4)] == [True, True, True, False]
    assert budget.take(RULES, 4.0)
    assert not budget.take(RULES, 4.0)


def test_each_request_pays_its_share() -> None:
    budget, taken = RetryBudget(), 0
    for _ in range(1000):
        budget.pay_in(RULES)
        taken += budget.take(RULES, 0.0)
    assert 200 <= taken <= 204


def test_what_is_saved_up_is_bounded() -> None:
    budget = RetryBudget()
    for _ in range(100_000):
        budget.pay_in(RULES)
    assert sum(budget.take(RULES, 0.0) for _ in range(1000)) <= 104
