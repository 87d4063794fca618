"""What an operator may send to the admin API: JSON read strictly, fields checked, faults named by their path."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Annotated, Any, Literal, TypeVar, get_args

from aiohttp import web
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from gateway.catalog.allowances import Allowance, Budget, Limits
from gateway.config import parse_duration
from gateway.errors import InvalidRequest, TooLarge

NANO = 10**9
MAX_USD = 9_000_000
"""Lua compares doubles: above this a nano-dollar would get lost (2^53)."""
MAX_BODY = 4 << 20
"""Bytes, decoded. A routing file is the largest thing that is sent here."""
_LAST_SECOND = 253_402_300_799
"""Of the year 9999, the last that a date can be written of."""

M = TypeVar("M", bound=BaseModel)


def _no_controls(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("printable text without spaces around it is allowed")
    return value


def _time(value: Any) -> Any:
    """Epoch seconds, or ISO 8601 with its offset → epoch seconds."""
    if isinstance(value, str):
        # In a query a bare `+` arrives as a space.
        written = re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", value)
        try:
            parsed = datetime.fromisoformat(written)
        except ValueError:
            raise ValueError("a time such as 2026-12-31T23:59:59Z or epoch seconds is allowed") from None
        # A bare date is a UTC day; a time of day without its offset could be anyone's.
        if parsed.tzinfo is None and len(written) > len("2026-12-31"):
            raise ValueError("a time needs its offset, such as the Z of 2026-12-31T23:59:59Z")
        value = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND:
        return float(value)
    raise ValueError("a time such as 2026-12-31T23:59:59Z or epoch seconds is allowed")


def _usd(value: Any) -> Any:
    """Dollars as a number or a decimal string, exact to the nano-dollar."""
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            usd = Decimal(value)
        except InvalidOperation:
            usd = Decimal("NaN")
        if usd.is_finite() and 0 <= usd <= MAX_USD and usd == usd.quantize(Decimal(1) / NANO):
            return usd
    raise ValueError(f"US dollars from 0 to {MAX_USD} with at most nine decimals are allowed")


def _cidr(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise ValueError("an IP address or a network such as 10.0.0.0/8 is allowed") from None


def _grace(value: Any) -> Any:
    try:
        seconds = parse_duration(value)
    except ValueError:
        seconds = None
    if isinstance(seconds, int | float | Decimal) and not isinstance(seconds, bool) and 0 <= seconds <= 366 * 86_400:
        return float(seconds)
    raise ValueError("a duration such as 30s, 10m or 24h is allowed, up to a year")


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_controls)]
TagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
TagValue = Annotated[
    str, StringConstraints(max_length=200), AfterValidator(lambda value: value and _no_controls(value))
]
Time = Annotated[float, BeforeValidator(_time)]
Count = Annotated[int, Field(ge=1, le=10**12)]


class Body(BaseModel):
    """A JSON body: exact types, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class LimitsBody(Body):
    """Requests and tokens per minute, requests in flight."""

    rpm: Count | None = None
    tpm: Count | None = None
    concurrency: Count | None = None

    def value(self) -> Limits:
        """As it is stored."""
        return Limits(self.rpm, self.tpm, self.concurrency)


class BudgetBody(Body):
    """What may be spent in a period."""

    usd: Annotated[Decimal, BeforeValidator(_usd)]
    period: Literal["day", "week", "month", "total"]
    on_low: Literal["reject", "lower"] = "reject"
    alerts: Annotated[list[Annotated[float, BeforeValidator(_float), Field(gt=0, le=1)]], Field(max_length=10)] = []

    def value(self) -> Budget:
        """As it is stored: in whole nano-dollars."""
        return Budget(int(self.usd * NANO), self.period, self.on_low, tuple(self.alerts))


class KeyPatch(Body):
    """Fields of a key. Absent: as it was; null: as if it had never been given."""

    name: Text = ""
    team: Text | None = None
    tags: Annotated[dict[TagName, TagValue], Field(max_length=32)] | None = None
    models: Annotated[list[Text], Field(max_length=200)] | None = None
    limits: LimitsBody | None = None
    budget: BudgetBody | None = None
    unknown_price: Literal["refuse", "allow"] | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    disabled: bool | None = None
    expires_at: Time | None = None
    allowed_cidrs: Annotated[list[Annotated[str, AfterValidator(_cidr)]], Field(max_length=200)] | None = None

    def changes(self) -> dict[str, Any]:
        """The fields of the specification that were given, as it holds them."""
        values: dict[str, Any] = {
            "name": self.name,
            "team": self.team,
            "tags": dict(self.tags or {}),
            "models": tuple(self.models or ()),
            "limits": self.limits.value() if self.limits else None,
            "budget": self.budget.value() if self.budget else None,
            "unknown_price": self.unknown_price,
            "priority": self.priority,
            "disabled": bool(self.disabled),
            "expires_at": self.expires_at,
            "allowed_cidrs": tuple(self.allowed_cidrs or ()),
        }
        return {name: values[name] for name in self.model_fields_set}


class KeyBody(KeyPatch):
    """A new key."""

    name: Text


class AllowanceBody(Body):
    """What a team, or the organisation, may do."""

    limits: LimitsBody | None = None
    budget: BudgetBody | None = None

    def value(self) -> Allowance:
        """As it is stored."""
        return Allowance(self.limits.value() if self.limits else None, self.budget.value() if self.budget else None)


class CreditBody(Body):
    """A top-up of a budget for all time."""

    usd: Annotated[Decimal, BeforeValidator(_usd)]
    note: Annotated[str, StringConstraints(max_length=500)] = ""


class RotateBody(Body):
    """How long the old secret stays valid."""

    grace: Annotated[float, BeforeValidator(_grace)] = 0.0


async def read_text(request: web.Request) -> bytes:
    """The body, bounded here whatever bound the server has."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLarge(f"The admin API takes bodies of at most {MAX_BODY >> 20} MiB.")
    return bytes(body)


async def read_body(request: web.Request, model: type[M]) -> M:
    """The body as a model. Raises InvalidRequest that names the field at fault."""
    return check(model, _parse(await read_text(request) or b"{}"))


def check(model: type[M], values: Mapping[str, Any]) -> M:
    """Values as a model. Raises InvalidRequest for the first fault."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        param = _path(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = f"no such field; allowed: {', '.join(_allowed_at(model, fault['loc'][:-1]))}"
        raise InvalidRequest(f"{param}: {message}.", param=param) from None


def _parse(raw: bytes) -> Mapping[str, Any]:
    """Strict JSON: an object, no duplicate keys, no NaN, decimals kept exact."""
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except InvalidRequest:
        raise
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidRequest(f"The body is not valid JSON{where}.", code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InvalidRequest("A key stands twice in one object of the body.", code="invalid_json")
    return values


def _refuse_constant(name: str) -> Any:
    raise InvalidRequest(f"{name} is not JSON.", code="invalid_json")


def _path(location: tuple[int | str, ...]) -> str:
    """`budget.usd`, `models[2]`; short, whatever the caller called his fields."""
    path = ""
    for part in location:
        if part == "[key]":
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return ascii(path[:100])[1:-1]


def _allowed_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        inner = get_args(field.annotation) if field else ()
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return [field.alias or name for name, field in model.model_fields.items()]
