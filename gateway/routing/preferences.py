"""OpenRouter's request fields: `models` and `provider`. What a caller asks of targets, read from the body.

https://openrouter.ai/docs/guides/routing/provider-selection and .../model-fallbacks. Names of providers are ours. Where
OpenRouter itself is a target, it stands for all names that this gateway has no provider of, and is handed what concerns
it; nobody else ever sees these fields.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from backends.types import ChatRequest, Target
from gateway.errors import InvalidRequest

FIELDS = frozenset({"models", "provider"})
MOST_NAMES = 32
MOST_MODELS = 8
_NANO = 1_000_000_000
_SORTS = ("price", "throughput", "latency")
_HONOURED = frozenset(
    {
        "order",
        "only",
        "ignore",
        "allow_fallbacks",
        "sort",
        "max_price",
        "require_parameters",
        "data_collection",
        "zdr",
        "quantizations",
        "preferred_max_latency",
        "preferred_min_throughput",
    }
)
_PRICES = ("prompt", "completion", "request")
QUANTILES = ("p50", "p75", "p90", "p99")
_LISTS = ("order", "only", "ignore")


@dataclass(frozen=True, slots=True)
class Preferences:
    """One request's. Hashable, so that it can be stored with the decision."""

    models: tuple[str, ...] = ()
    """Others to turn to, in this order."""
    order: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    """False: nobody but the first (or those in `order`) is tried."""
    sort: str | None = None
    """`price`, `throughput` or `latency`."""
    max_price: tuple[int | None, int | None, int | None] = (None, None, None)
    """Nano-dollars: per million tokens of input, of output, per request."""
    require_parameters: bool = False
    trains: bool | None = None
    """False: no target that trains on the data, or does not say."""
    retains: bool | None = None
    quantizations: tuple[str, ...] | None = None
    max_latency: tuple[tuple[str, float], ...] = ()
    """Seconds to the first token, by quantile: those that miss it come last."""
    min_throughput: tuple[tuple[str, float], ...] = ()
    """Tokens per second, likewise."""
    passed_on: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False, repr=False)
    """What OpenRouter, as a target, is told of it."""
    strangers: tuple[str, ...] = ()
    """Names in `order` and `only` of which this gateway has no provider: OpenRouter's, where that is a target."""
    ignored: tuple[str, ...] = ()
    """What can't be honoured, by name."""


def fields_of(chat: ChatRequest) -> Mapping[str, Any]:
    """Where they stand: in the caller's own body."""
    return chat.body if chat.native is None else chat.native


def read_preferences(asked: Mapping[str, Any], providers: Collection[str], pinned: str | None = None) -> Preferences:
    """Raises InvalidRequest naming the field that can't be read. `pinned`: the provider that the URL names."""
    models = _names(asked.get("models"), "models", MOST_MODELS) or ()
    given = asked.get("provider")
    if given is None:
        return Preferences(models)
    if not isinstance(given, dict):
        raise InvalidRequest("'provider' must be an object: order, only, ignore, sort, max_price, …", param="provider")
    ignored = sorted(name for name in given if name not in _HONOURED)
    lists = {name: _lower(_names(given.get(name), f"provider.{name}", MOST_NAMES)) for name in _LISTS}
    order, only, ignore = lists["order"] or (), lists["only"], lists["ignore"] or ()
    strangers = tuple(name for name in (*order, *(only or ())) if _base(name) not in providers)
    max_price, unpriced = _max_price(given.get("max_price"))
    latency, throughput = (
        _by_quantile(given.get(f"preferred_{name}"), f"provider.preferred_{name}")
        for name in ("max_latency", "min_throughput")
    )
    asks_openrouter = pinned is not None and pinned == "openrouter"
    return Preferences(
        models=models,
        order=() if asks_openrouter else order,
        only=None if asks_openrouter else only,
        ignore=() if asks_openrouter else ignore,
        allow_fallbacks=_flag(given, "allow_fallbacks", default=True),
        sort=_sort(given.get("sort")),
        max_price=max_price,
        require_parameters=_flag(given, "require_parameters", default=False),
        trains=_data_collection(given.get("data_collection")),
        retains=False if _flag(given, "zdr", default=False) else None,
        quantizations=_lower(_names(given.get("quantizations"), "provider.quantizations", MOST_NAMES)),
        max_latency=latency,
        min_throughput=throughput,
        passed_on=given if asks_openrouter else _passed_on(given, providers),
        strangers=() if asks_openrouter else strangers,
        ignored=tuple(f"provider.{name[:40]}" for name in (*ignored, *unpriced)) if not asks_openrouter else (),
    )


def is_openrouter(target: Target) -> bool:
    """Whether these fields are its own."""
    return target.provider == "openrouter" or "//openrouter.ai/" in target.base_url


def names_target(name: str, target: Target, quantization: str | None) -> bool:
    """Whether a caller means this target by `name`: its provider, or its provider at one quantization (`acme/fp8`)."""
    provider, slash, variant = name.partition("/")
    return provider == target.provider and (not slash or variant == (quantization or "").lower())


def _base(name: str) -> str:
    return name.partition("/")[0]


def _passed_on(given: Mapping[str, Any], providers: Collection[str]) -> Mapping[str, Any]:
    """Without our own names: to OpenRouter they would be somebody else. Whom to ignore concerns both."""
    told = {name: value for name, value in given.items() if name not in ("order", "only")}
    for name in ("order", "only"):
        strangers = [one for one in given.get(name) or () if _base(one.lower()) not in providers]
        if strangers:
            told[name] = strangers
    return told


def _names(value: Any, where: str, most: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise InvalidRequest(f"'{where}' must be an array of names.", param=where)
    if len(value) > most:
        raise InvalidRequest(f"'{where}' has more than {most} names.", param=where)
    return tuple(dict.fromkeys(value))


def _lower(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """OpenRouter's users write `Together` as well as `together`."""
    return None if names is None else tuple(name.lower() for name in names)


def _flag(given: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidRequest(f"'provider.{name}' must be true or false.", param=f"provider.{name}")
    return value


def _sort(value: Any) -> str | None:
    """A word, or an object that holds it (`{"by": "price"}`)."""
    word = value.get("by") if isinstance(value, dict) else value
    if word is not None and word not in _SORTS:
        raise InvalidRequest(f"'provider.sort' must be one of {', '.join(_SORTS)}.", param="provider.sort")
    return word


def _data_collection(value: Any) -> bool | None:
    if value not in (None, "allow", "deny"):
        raise InvalidRequest("'provider.data_collection' must be allow or deny.", param="provider.data_collection")
    return False if value == "deny" else None


def _max_price(value: Any) -> tuple[tuple[int | None, int | None, int | None], list[str]]:
    """USD per million tokens, and per request; and what else was named. Strings are numbers to OpenRouter too."""
    where = "provider.max_price"
    if value is None:
        return (None, None, None), []
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{where}' must be an object: prompt, completion, request.", param=where)
    prompt, completion, request = (_usd(value.get(name), f"{where}.{name}") for name in _PRICES)
    return (prompt, completion, request), sorted(f"max_price.{name}" for name in value if name not in _PRICES)


def _usd(value: Any, where: str) -> int | None:
    if value is None:
        return None
    amount = _number(value, where)
    return round(amount * _NANO)


def _number(value: Any, where: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not isfinite(number) or not 0 <= number <= 1e9:
        raise InvalidRequest(f"'{where}' must be a number from 0 on.", param=where)
    return number


def _by_quantile(value: Any, where: str) -> tuple[tuple[str, float], ...]:
    """A number means the median; an object names quantiles."""
    if value is None:
        return ()
    given = value if isinstance(value, dict) else {"p50": value}
    for name in given:
        if name not in QUANTILES:
            raise InvalidRequest(f"'{where}' names {', '.join(QUANTILES)}.", param=where)
    return tuple((name, _number(amount, f"{where}.{name}")) for name, amount in given.items() if amount is not None)
