"""How long a provider asks to wait, in each one's own form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.providers.openai.waits import retry_after, until_reset, wait_in_words

DATE = {"date": "Wed, 25 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h40m48s", 6048.0),
        ("1d2h", 93_600.0),
        ("120ms", 0.12),
        ("17.0925s", 17.0925),
        ("4m19.2s", 259.2),
        ("19.55327582359314", 19.55327582359314),
        ("54", 54.0),
        ("2026-11-25T10:00:07Z", 7.0),
        ("1795600860000", 60.0),
        ("1795600860", 60.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_limit_that_is_used_up_says_when_it_is_full_again(value: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "X-RateLimit-Reset-Tokens": value, **DATE}
    assert until_reset(headers) == seconds


@pytest.mark.parametrize(
    ("names", "used_up"),
    [
        (("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"), True),
        (("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"), True),
        (("x-ratelimit-remaining", "x-ratelimit-reset"), True),
        (("ratelimitbysize-remaining", "ratelimitbysize-reset"), True),
        (("ratelimit-remaining", "ratelimit-reset"), True),
        (("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"), True),
        (("x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests"), False),
    ],
)
def test_remaining_and_reset_belong_together_by_their_name(names: tuple[str, str], used_up: bool) -> None:
    remaining, reset = names
    assert until_reset({remaining: "0", reset: "8"}) == (8.0 if used_up else None)
    assert until_reset({remaining: "3", reset: "8"}) is None


def test_of_several_limits_that_are_used_up_the_last_to_be_full_counts() -> None:
    limits = {f"x-ratelimit-remaining-{what}": "0" for what in ("requests", "tokens")}
    resets = {"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "1m"}
    assert until_reset({**limits, **resets}) == 60.0


def test_a_point_in_time_needs_the_answers_own_date() -> None:
    assert until_reset({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795600860000"}) is None


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 6m0s.", 360.0),
        ("Please try again in 180ms. Visit", 0.18),
        ("Please try again in 7.66s.", 7.66),
        ("Please retry after 26 seconds.", 26.0),
        ("Try again in 2 minutes", 120.0),
        ("Please try again later.", None),
    ],
)
def test_a_wait_told_in_words_is_understood(message: str, seconds: float | None) -> None:
    assert wait_in_words(message) == seconds


def test_retry_after_may_be_a_span() -> None:
    assert retry_after({"retry-after": "1m30s"}) == 90.0


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_breaks_it(value: str, date: str) -> None:
    for read in (retry_after, until_reset):
        read({"retry-after": value, "x-ratelimit-remaining": "0", "x-ratelimit-reset": value, "date": date})
    wait_in_words(value)
