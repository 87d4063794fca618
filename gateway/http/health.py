"""Liveness, readiness, and /metrics."""

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.auth.admin_key import is_admin
from gateway.errors import Unauthorized
from gateway.http.headers import key_of
from gateway.http.state import STATE
from gateway.metrics import families, merge


async def live(_: web.Request) -> web.Response:
    """This process answers."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Whether new requests should come here: not while draining, nor without a store where that means refusing."""
    state = request.app[STATE]
    store_up = state.store_up()
    status = "draining" if state.liveness.draining else "ok"
    if status == "ok" and not store_up and state.on_store_outage == "closed":
        status = "store_unavailable"
    return web.json_response(
        {
            "status": status,
            "store": {"up": store_up, "kind": state.store_about, "on_outage": state.on_store_outage},
            "rules": state.table().hash,
        },
        status=200 if status == "ok" else 503,
    )


async def root(_: web.Request) -> web.Response:
    """Something is here: what load balancers and curious people ask first."""
    return web.json_response({"name": "headrace", "api": "/v1", "dashboard": "/dashboard"})


async def metrics(request: web.Request) -> web.Response:
    """One exposition for all workers."""
    state = request.app[STATE]
    if state.metrics_key_hash is not None and not is_admin(key_of(request), state.metrics_key_hash):
        raise Unauthorized
    total = merge([await state.collect()])
    registry = CollectorRegistry()

    class Total(Collector):
        def collect(self):  # type: ignore[no-untyped-def]  # prometheus-client's own signature is untyped
            return families(total)

    registry.register(Total())
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return web.Response(body=encode(registry), headers={"content-type": kind})
