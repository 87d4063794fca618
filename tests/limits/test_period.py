"""Days, ISO weeks and calendar months begin and end where the file's time zone says."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.limits.period import Calendar, period_at
from gateway.store.keyspace import money_expires_at

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("kind", "moment", "name", "begins", "ends"),
    [
        ("day", "2026-10-25T12:00+01:00", "d2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("day", "2026-10-24T22:30+00:00", "d2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("week", "2026-11-01T23:59+01:00", "w2026-10-26", "2026-10-26T00:00+01:00", "2026-11-02T00:00+01:00"),
        ("week", "2026-01-01T00:00+01:00", "w2025-12-29", "2025-12-29T00:00+01:00", "2026-01-05T00:00+01:00"),
        ("month", "2026-12-31T23:59+01:00", "m2026-12-01", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("month", "2026-02-28T23:30+00:00", "m2026-03-01", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
    ],
)
def test_a_moment_lies_in_the_period_of_the_zone(kind, moment, name, begins, ends) -> None:  # type: ignore[no-untyped-def]
    found = period_at(kind, at(moment), BERLIN)
    assert (found.id, found.begins_at, found.ends_at) == (name, at(begins), at(ends))
    assert money_expires_at(found.id) > found.ends_at


def test_all_time_never_ends_and_is_never_forgotten() -> None:
    assert period_at("total", 0.0, UTC).ends_at > 1e12
    assert money_expires_at("total") == 0


def test_a_calendar_turns_its_page() -> None:
    calendar = Calendar(lambda: BERLIN)
    assert calendar.at("day", at("2026-10-24T23:59+02:00")).id == "d2026-10-24"
    assert calendar.at("day", at("2026-10-25T00:00+02:00")).id == "d2026-10-25"
    assert calendar.at("day", at("2026-10-24T23:59+02:00")).id == "d2026-10-24"
