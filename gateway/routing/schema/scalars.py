"""The small values of the routing file: times, shares, amounts of money, counts, words.

Each takes what YAML gives, or the string that a `${NAME}` left behind, and says in its error what would be right.
No message repeats the value: it may have come from the environment. Whoever prints the error adds it where it is safe.
"""

import re
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

NANO = 1_000_000_000
MAX_USD = 1_000_000
"""No price and no sum in the file is larger: it keeps integers within what Redis counts exactly."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWNED_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade"}
)
"""Headers that describe the connection or the body we build: setting one from the file could only break requests."""


class Rule(BaseModel):
    """A mapping of the routing file: frozen, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def or_reference(schema: dict[str, Any]) -> WithJsonSchema:
    """An editor's schema for a value that may as well be a `${NAME}`."""
    return WithJsonSchema({"anyOf": [schema, {"type": "string", "pattern": r"\$\{"}]})


def parse_duration(value: object) -> object:
    """`250ms`, `2s`, `1m30s` → seconds."""
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(value))
    raise PydanticCustomError("duration", "a time has a unit: 250ms, 2s, 10m or 24h")


def parse_share(value: object) -> object:
    """`5%` or a number from 0 to 1 → a fraction."""
    fraction: float | None = None
    try:
        if isinstance(value, str):
            text = value.strip()
            fraction = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            fraction = float(value)
    except ValueError:
        fraction = None
    if fraction is None or not 0 <= fraction <= 1:
        raise PydanticCustomError("share", "a share is a percentage such as 5%, or a number from 0 to 1")
    return fraction


def parse_usd(value: object) -> object:
    """Dollars → whole nano-dollars, exactly: 0.1 is a tenth, not its nearest binary fraction."""
    amount = Decimal("NaN")
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(InvalidOperation):
            amount = Decimal(value if isinstance(value, str) else repr(value))
    if not amount.is_finite() or not 0 <= amount <= MAX_USD:
        raise PydanticCustomError("usd", "an amount in USD is a number from 0 to 1000000, such as 0.15")
    return int((amount * NANO).to_integral_value(ROUND_HALF_UP))


def parse_first_token(value: object) -> object:
    """A time, or the word `learned`."""
    try:
        return value if value == "learned" else parse_duration(value)
    except PydanticCustomError:
        raise PydanticCustomError("first_token", "a time such as 60s, or the word learned") from None


def parse_hedge_after(value: object) -> object:
    """A time, or one of the target's own quantiles."""
    if value in ("p50", "p90", "p95", "p99"):
        return value
    try:
        return parse_duration(value)
    except PydanticCustomError:
        raise PydanticCustomError("hedge_after", "p50, p90, p95, p99, or a time such as 800ms") from None


def _no_bool(value: object) -> object:
    """Python counts `true` as 1; a file that says `rpm: true` means something else."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "a number is needed here")
    return value


def _strict_bool(value: object) -> object:
    """Only YAML 1.2's true and false (or those words out of the environment): `on` and `no` are words."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    raise PydanticCustomError("bool", "true or false is needed here ('on', 'yes', 'off', 'no' are words in YAML 1.2)")


def _http_url(value: str) -> str:
    """A base URL as a provider's own client would be given it; empty means that none is named."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in value):
        raise PydanticCustomError("url", "a URL such as https://llm.example.com/v1 is needed here")
    if parts.username is not None or parts.query or parts.fragment:
        raise PydanticCustomError("url", "a base URL has no user, query or fragment; put the key into api_key")
    return value.rstrip("/")


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise PydanticCustomError("header", "this is not a header name")
    if name.lower() in _OWNED_HEADERS:
        raise PydanticCustomError("header", "this header belongs to the connection and can't be set")
    return name


def _header_value(value: SecretStr) -> SecretStr:
    if any(c in "\r\n\0" for c in value.get_secret_value()):
        raise PydanticCustomError("header", "a header value has no line break")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if any(c.isspace() or not c.isprintable() or ord(c) > 126 for c in value.get_secret_value()):
        raise PydanticCustomError("secret", "a key has no blanks, no line breaks and only ASCII characters")
    return value


def _date_only(value: object) -> object:
    """YYYY-MM-DD: pydantic alone would take a number as seconds since 1970."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise PydanticCustomError("date", "a date is written as 2026-11-25")


_DURATION_SCHEMA = {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h))+$"}
_USD_SCHEMA = {"type": "number", "minimum": 0, "maximum": MAX_USD}
_SHARE_SCHEMA = {"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?%$"}, {"type": "number", "maximum": 1}]}

Duration = Annotated[float, BeforeValidator(parse_duration), or_reference(_DURATION_SCHEMA)]
"""Seconds, written with a unit."""
FirstToken = Annotated[
    float | Literal["learned"],
    BeforeValidator(parse_first_token),
    or_reference({"anyOf": [_DURATION_SCHEMA, {"const": "learned"}]}),
]
HedgeAfter = Annotated[
    float | Literal["p50", "p90", "p95", "p99"],
    BeforeValidator(parse_hedge_after),
    or_reference({"anyOf": [_DURATION_SCHEMA, {"enum": ["p50", "p90", "p95", "p99"]}]}),
]
Share = Annotated[float, BeforeValidator(parse_share), or_reference(_SHARE_SCHEMA)]
"""A fraction from 0 to 1, written as `5%`."""
NanoUsd = Annotated[int, BeforeValidator(parse_usd), or_reference(_USD_SCHEMA)]
"""Whole nano-dollars, written in USD."""
Count = Annotated[
    int, BeforeValidator(_no_bool), Field(ge=1, le=10**12), or_reference({"type": "integer", "minimum": 1})
]
Whole = Annotated[
    int, BeforeValidator(_no_bool), Field(ge=0, le=10**12), or_reference({"type": "integer", "minimum": 0})
]
Amount = Annotated[
    float,
    BeforeValidator(_no_bool),
    Field(ge=0, le=10**12, allow_inf_nan=False),
    or_reference({"type": "number", "minimum": 0}),
]
Weight = Annotated[
    float,
    BeforeValidator(_no_bool),
    Field(gt=0, le=10**6, allow_inf_nan=False),
    or_reference({"type": "number", "exclusiveMinimum": 0}),
]
Flag = Annotated[bool, BeforeValidator(_strict_bool), or_reference({"type": "boolean"})]
Word = Annotated[str, Field(min_length=1, max_length=256)]
Url = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
IsoDate = BeforeValidator(_date_only)
Status = Annotated[
    int, BeforeValidator(_no_bool), Field(ge=400, le=599), or_reference({"type": "integer", "minimum": 400})
]
Capability = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
