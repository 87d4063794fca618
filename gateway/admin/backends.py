"""/admin/v1/providers, /models and /targets: who can answer, what may be asked for, and why something can't.

A provider is tried by provider_trial.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from gateway.admin.bodies import NANO, read_body
from gateway.admin.provider_trial import ProviderTrial, TrialBody
from gateway.admin.services import AdminServices, answer, page
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import Price
from gateway.routing.entries import ModelEntry
from gateway.routing.providers import ProviderState
from gateway.routing.table import RoutingTable


def backend_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""

    async def providers(_: web.Request) -> web.Response:
        return page([_provider(provider) for provider in services.rules().providers.values()])

    async def test(request: web.Request) -> web.Response:
        trial = ProviderTrial(services.pipeline, services.rules())
        return answer(await trial.report(request.match_info["name"], await read_body(request, TrialBody)))

    async def models(_: web.Request) -> web.Response:
        table = services.rules()
        return page([_model(table, name, entry) for name, entry in table.models.items()])

    async def targets(_: web.Request) -> web.Response:
        return page([row for name, entry in services.rules().models.items() for row in _targets(name, entry)])

    return [
        web.get("/admin/v1/providers", providers),
        web.post("/admin/v1/providers/{name}/test", test),
        web.get("/admin/v1/models", models),
        web.get("/admin/v1/targets", targets),
    ]


def _provider(provider: ProviderState) -> dict[str, Any]:
    return {
        "name": provider.name,
        "protocol": provider.protocol,
        "enabled": provider.enabled,
        "reason": provider.reason,
        "endpoints": [
            {"endpoint": endpoint.label, "weight": endpoint.weight, "drained": endpoint.drained}
            for endpoint in provider.endpoints
        ],
        "key_variable": provider.key_variable,
        "docs": provider.docs,
    }


def _model(table: RoutingTable, name: str, entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": name,
        "aliases": [alias for alias, model in table.rules.aliases.items() if model == name],
        "policy": entry.policy,
        "targets": [deployment.id for deployment in (*entry.deployments, *entry.drained)],
        "variants": {variant.model: variant.weight for variant in entry.variants},
        "context_window": entry.context_window,
        "max_output": entry.max_output,
        "capabilities": entry.capabilities,
        "description": entry.description,
        "hidden": entry.hidden,
        "rejected": [{"target": rejection.target_id, "reason": rejection.reason} for rejection in entry.rejected],
    }


def _targets(model: str, entry: ModelEntry) -> Iterator[dict[str, Any]]:
    """One row for each target of a model; those that are left out come last, with the reason."""
    for deployment in (*entry.deployments, *entry.drained):
        yield _target(model, deployment)
    present = {deployment.id for deployment in (*entry.deployments, *entry.drained)}
    for rejection in entry.rejected:
        if rejection.target_id not in present:
            yield {"id": rejection.target_id, "model": model, "state": "out", "reason": rejection.reason}


def _target(model: str, deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "model": model,
        "state": "drained" if deployment.drained else "active",
        "reason": None,
        "provider": deployment.target.provider,
        "protocol": deployment.target.protocol,
        "endpoint": deployment.target.endpoint,
        "priority": deployment.priority,
        "weight": deployment.weight,
        "price": _price(deployment.price) if deployment.price else None,
        "context_window": deployment.context_window,
        "max_output": deployment.max_output,
    }


def _price(price: Price) -> Mapping[str, Any]:
    """US dollars per million tokens (`request`: per request), as the routing file writes them."""
    classes = {
        "input": price.input,
        "output": price.output,
        "cached_input": price.cached_input,
        "cache_write": price.cache_write,
        "reasoning": price.reasoning,
        "request": price.request or None,
    }
    return {name: nano / NANO for name, nano in classes.items() if nano is not None} | {"version": price.version}
