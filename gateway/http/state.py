"""What handlers are given: typed keys into aiohttp's application, so that none of them knows the composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.auth.key_cache import KeyCache
from gateway.metrics import Metrics, Snapshot
from gateway.pipeline import Pipeline
from gateway.routing.table import RoutingTable


@dataclass(slots=True)
class Liveness:
    """Where this worker is in its life."""

    draining: bool = False
    in_flight: int = 0
    """Data-plane requests under way."""


@dataclass(frozen=True, slots=True)
class HttpState:
    """Everything that the http room works with."""

    pipeline: Pipeline
    keys: KeyCache
    table: Callable[[], RoutingTable]
    metrics: Metrics
    collect: Callable[[], Awaitable[Snapshot]]
    """All workers' metrics as one."""
    store_up: Callable[[], bool]
    store_about: str
    on_store_outage: str
    liveness: Liveness
    body_limit: int
    cors_origins: tuple[str, ...]
    metrics_key_hash: str | None


STATE = web.AppKey("STATE", HttpState)
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
"""Where a request carries its id."""
