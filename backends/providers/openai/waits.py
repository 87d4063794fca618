"""How long a provider asks to wait, in each one's own form.

Most say `retry-after`. Some say only when a limit that is used up is full again, and each in its way: `1s`, `6m0s`,
`120ms` (OpenAI, Groq), `19.55` seconds (Cerebras, Mistral, Hugging Face), milliseconds since 1970 (OpenRouter), a date
(Anthropic). Points in time are measured against the answer's own `date`, so that no clock of ours is needed.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SPAN = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,20})?")
_IN_WORDS = re.compile(r"(?i)(?:try again|retry) (?:in|after) (\d[\d.hms]*)(?: (second|minute|millisecond)s?)?")
_WORDS_S: Mapping[str, float] = {"second": 1.0, "minute": 60.0, "millisecond": 0.001}
_LEAST_EPOCH_S = 1_000_000_000  # the year 2001: nobody waits so many seconds
_LEAST_EPOCH_MS = 1_000_000_000_000


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (RFC 9110 10.2.3: seconds, or a date)."""
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return _span(value)
    return _from_now(until, headers)


def until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until every limit that is used up is full again; None where no header says that one is."""
    found = {name.lower(): value.strip() for name, value in headers.items() if "ratelimit" in name.lower()}
    return max(_resets(found, headers), default=None)


def wait_in_words(message: str) -> float | None:
    """ "Please try again in 6m0s." (OpenAI, Groq), "Please retry after 59 seconds." (Azure)."""
    found = _IN_WORDS.search(message)
    if found is None:
        return None
    value = found[1].rstrip(".")
    if _NUMBER.fullmatch(value):
        return float(value) * _WORDS_S.get(found[2] or "second", 1.0)
    return _span(value)


def _resets(limits: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[float]:
    for name, value in limits.items():
        if "reset" not in name:
            continue
        remaining = limits.get(name.replace("reset", "remaining"), "")
        if not _NUMBER.fullmatch(remaining) or float(remaining) > 0:
            continue
        wait_s = _wait(value, headers)
        if wait_s is not None:
            yield wait_s


def _wait(value: str, headers: Mapping[str, str]) -> float | None:
    if not _NUMBER.fullmatch(value):
        try:
            return _from_now(datetime.fromisoformat(value), headers)
        except ValueError:
            return _span(value)
    seconds = float(value)
    if seconds < _LEAST_EPOCH_S:
        return seconds
    seconds = seconds / 1000 if seconds >= _LEAST_EPOCH_MS else seconds
    return _from_now(datetime.fromtimestamp(seconds, UTC), headers)


def _from_now(until: datetime, headers: Mapping[str, str]) -> float | None:
    try:
        return max((until - parsedate_to_datetime(headers["date"])).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None


def _span(value: str) -> float | None:
    found = _SPAN.fullmatch(value)
    if found is None:
        return None
    days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1000
