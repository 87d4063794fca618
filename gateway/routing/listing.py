"""GET /v1/models: OpenAI's fields and those that OpenRouter's users look for."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.catalog.deployments import Deployment
from gateway.catalog.parameters import carried
from gateway.catalog.prices import Price
from gateway.routing.entries import ModelEntry
from gateway.routing.names import is_wildcard


def listing(models: Mapping[str, ModelEntry], aliases: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    """Models with somebody to answer, and their aliases; hidden ones and wildcards are left out."""
    listed: list[Mapping[str, Any]] = []
    for name, entry in _named(models, aliases):
        answering = _first(models, entry)
        if answering is not None and not entry.hidden:
            listed.append(_card(name, entry, answering))
    return tuple(listed)


def _named(models: Mapping[str, ModelEntry], aliases: Mapping[str, str]) -> Iterator[tuple[str, ModelEntry]]:
    for name, entry in models.items():
        if not is_wildcard(name):
            yield name, entry
    for alias, model in aliases.items():
        if model in models:
            yield alias, models[model]


def _first(models: Mapping[str, ModelEntry], entry: ModelEntry) -> ModelEntry | None:
    """The entry whose deployments answer: its own, or those of its heaviest variant that has any. None: nobody can."""
    if entry.deployments or entry.drained:
        return entry
    variants = sorted(entry.variants, key=lambda variant: -variant.weight)
    chosen = [models[variant.model] for variant in variants if variant.model in models]
    return next((model for model in chosen if model.deployments or model.drained), None)


def _card(name: str, entry: ModelEntry, answering: ModelEntry) -> Mapping[str, Any]:
    deployments = sorted((*answering.deployments, *answering.drained), key=lambda deployment: deployment.priority)
    price = next((deployment.price for deployment in deployments if deployment.price is not None), None)
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": deployments[0].target.provider,
        "name": name,
        "description": entry.description or "",
        "context_length": entry.context_window or answering.context_window,
        "pricing": _pricing(price),
        "supported_parameters": _parameters(entry, answering, deployments),
    }


def _pricing(price: Price | None) -> dict[str, str] | None:
    if price is None:
        return None
    cached = price.input if price.cached_input is None else price.cached_input
    return {
        "prompt": _per_token(price.input),
        "completion": _per_token(price.output),
        "input_cache_read": _per_token(cached),
        "request": f"{Decimal(price.request).scaleb(-9).normalize():f}",
    }


def _per_token(nano_per_million: int) -> str:
    """Nano-dollars per million tokens → USD per token, exactly, without an exponent."""
    return f"{Decimal(nano_per_million).scaleb(-15).normalize():f}"


def _parameters(model: ModelEntry, answering: ModelEntry, deployments: Sequence[Deployment]) -> list[str]:
    """What at least one of its targets takes: a request that needs it goes there (`provider.require_parameters`)."""
    declared = model.capabilities or answering.capabilities
    found: set[str] = set()
    for deployment in deployments:
        own = answering.ability(deployment).capabilities
        found |= carried(deployment.target, declared if own is None else own)
    return sorted(found)
