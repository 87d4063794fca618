"""Which period a moment belongs to: days, ISO weeks and calendar months of the file's time zone, or all time."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from math import inf
from typing import NamedTuple

from gateway.catalog.allowances import Kind


class Period(NamedTuple):
    """From its first moment up to the next one's."""

    id: str
    """`d2026-10-05`, `w2026-10-05` (its Monday), `m2026-10-01`, `total`."""
    begins_at: float
    ends_at: float
    """Epoch seconds."""


ALL_TIME = Period("total", -inf, inf)


def period_at(kind: Kind, at: float, zone: tzinfo) -> Period:
    """The period that this moment (epoch seconds) lies in."""
    if kind == "total":
        return ALL_TIME
    # Dates are counted without a zone and placed in it one by one: a day may have 23 or 25 hours.
    day = datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if kind == "day":
        begins, ends = day, day + timedelta(days=1)
    elif kind == "week":
        begins = day - timedelta(days=day.weekday())
        ends = begins + timedelta(days=7)
    else:
        begins = day.replace(day=1)
        ends = (begins + timedelta(days=32)).replace(day=1)
    return Period(
        f"{kind[0]}{begins:%Y-%m-%d}", begins.replace(tzinfo=zone).timestamp(), ends.replace(tzinfo=zone).timestamp()
    )


class Calendar:
    """Remembers the current period of each kind."""

    def __init__(self, zone: Callable[[], tzinfo]) -> None:
        self._zone = zone
        self._kept: dict[tuple[Kind, tzinfo], Period] = {}

    def at(self, kind: Kind, at: float) -> Period:
        """The period of a moment that is usually now."""
        zone = self._zone()
        period = self._kept.get((kind, zone))
        if period is None or not period.begins_at <= at < period.ends_at:
            period = self._kept[kind, zone] = period_at(kind, at, zone)
        return period
