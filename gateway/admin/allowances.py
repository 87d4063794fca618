"""How an account's allowance looks to operators: its limits, its budget, and what of that is spent and reserved."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from math import isinf
from typing import Any

from gateway.admin.services import AdminServices
from gateway.catalog.allowances import Allowance, Budget
from gateway.catalog.prices import NANO_PER_USD, as_usd
from gateway.limits.period import period_at


async def shown(
    services: AdminServices, scope: str, name: str, account_id: str, allowance: Allowance
) -> dict[str, Any]:
    """One account, as it stands now."""
    row: dict[str, Any] = {
        "scope": scope,
        "name": name,
        "limits": asdict(allowance.limits) if allowance.limits else None,
        "budget": shown_budget(allowance.budget) if allowance.budget else None,
    }
    if allowance.budget is None:
        return {**row, "spent_usd": None, "reserved_usd": None, "resets_at": None}
    period = period_at(allowance.budget.period, services.clock(), services.rules().zone)
    settled, open_ = await services.money.of(account_id, period.id)
    resets_at = None if isinf(period.ends_at) else datetime.fromtimestamp(period.ends_at, UTC)
    return {
        **row,
        "spent_usd": as_usd(settled),
        "reserved_usd": as_usd(open_),
        "resets_at": None if resets_at is None else resets_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def shown_budget(budget: Budget) -> Mapping[str, Any]:
    """As it was written."""
    return {
        "usd": budget.usd_nano / NANO_PER_USD,
        "period": budget.period,
        "on_low": budget.on_low,
        "alerts": budget.alerts,
    }
