"""Single values for the leaves of a JSON schema: a text or a number within its bounds."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from backends.sandbox.hints import Hints
from backends.sandbox.pattern import UnsupportedPatternError, matching

MAX_CHARS = 100_000
WORD = "sandbox"

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "sandbox@example.com",
    "idn-email": "sandbox@example.com",
    "hostname": "sandbox.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/sandbox",
    "uri-reference": "/sandbox",
    "iri": "https://example.com/sandbox",
    "json-pointer": "/sandbox",
    "regex": WORD,
    "byte": "c2FuZGJveA==",
    "binary": WORD,
}


class UnsatisfiableError(ValueError):
    """A schema that no value was found for; the message says why."""


def count(schema: Mapping[str, Any], keyword: str) -> int | None:
    """A bound on a size, where it is one."""
    bound = _bound(schema, keyword)
    return None if bound is None or not math.isfinite(bound) else int(bound)


def string(schema: Mapping[str, Any], hints: Hints, nth: int) -> str:
    """A text within the schema's length, format and pattern."""
    low, high = count(schema, "minLength") or 0, count(schema, "maxLength")
    if low > MAX_CHARS or (high is not None and high < low):
        raise UnsatisfiableError(f"no text is between {low} and {high} characters long")
    if isinstance(pattern := schema.get("pattern"), str):
        return _patterned(pattern, low, high)
    if (known := _FORMATS.get(str(schema.get("format")))) is not None:
        return known
    word = WORD if nth == 0 else f"{WORD} {nth + 1}"
    text = hints.quoted.pop(0) if hints.quoted else word
    text += "." * max(0, low - len(text))
    if high is None or len(text) <= high:
        return text
    return text[:high] if nth == 0 else text[len(text) - high :]  # neighbours differ in their ends


def _patterned(pattern: str, low: int, high: int | None) -> str:
    extra = 0
    try:
        while len(text := matching(pattern, extra)) < low and extra <= low:
            extra += 1 if extra < 64 else extra
    except UnsupportedPatternError as error:
        raise UnsatisfiableError(f"no text is invented for the pattern {pattern[:80]!r}: {error}") from error
    if len(text) < low and not pattern.endswith("$"):
        text += "a" * (low - len(text))
    if len(text) < low or (high is not None and len(text) > high):
        raise UnsatisfiableError(f"no text of the asked length was found for the pattern {pattern[:80]!r}")
    return text


def number(schema: Mapping[str, Any], hints: Hints, nth: int, *, whole: bool) -> int | float:
    """A number within the schema's bounds: a mentioned one if it fits."""
    low, high, step = _range(schema, whole=whole)

    def fits(candidate: float) -> bool:
        if not low <= candidate <= high or (whole and not candidate.is_integer()):
            return False
        if candidate in (_bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")):
            return False
        return step is None or math.isclose(math.remainder(candidate, step), 0.0, abs_tol=step * 1e-9)

    for at, mentioned in enumerate(hints.numbers):
        if fits(mentioned):
            return _plain(hints.numbers.pop(at), whole=whole)
    for candidate in _candidates(low, high, step, nth):
        if fits(candidate):
            return _plain(candidate, whole=whole)
    raise UnsatisfiableError(f"no number was found between {low} and {high}")


def _range(schema: Mapping[str, Any], *, whole: bool) -> tuple[float, float, float | None]:
    lows = [_bound(schema, keyword) for keyword in ("minimum", "exclusiveMinimum")]
    highs = [_bound(schema, keyword) for keyword in ("maximum", "exclusiveMaximum")]
    low = max((bound for bound in lows if bound is not None), default=-math.inf)
    high = min((bound for bound in highs if bound is not None), default=math.inf)
    step = _bound(schema, "multipleOf")
    if step is not None and step <= 0:
        step = None
    return low, high, 1.0 if whole and step is None else step


def _candidates(low: float, high: float, step: float | None, nth: int) -> Iterator[float]:
    """Small numbers first, then those by the bounds."""
    pace = step or 1.0
    yield (nth + 1) * pace
    if math.isfinite(low):
        first = math.ceil(low / pace) * pace
        yield from (first + nth * pace, first + (nth + 1) * pace)
    if math.isfinite(high):
        last = math.floor(high / pace) * pace
        yield from (last - nth * pace, last - (nth + 1) * pace)
    yield from (0.0, low, high)
    if math.isfinite(low) and math.isfinite(high):
        yield low + (high - low) / 2


def _plain(candidate: float, *, whole: bool) -> int | float:
    return int(candidate) if whole or candidate.is_integer() else candidate


def _bound(schema: Mapping[str, Any], keyword: str) -> float | None:
    """A keyword's number; None where it is absent or no number (a caller's schema may say anything)."""
    bound = schema.get(keyword)
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        return None
    return float(bound)
