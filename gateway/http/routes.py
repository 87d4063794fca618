"""URL → handler and dialect, one table."""

from collections.abc import Iterable, Mapping

from aiohttp import web

from gateway.dialects.base import Dialect
from gateway.http import health, models
from gateway.http.generate import Generate

PREFIXES = ("/v1", "/openai/v1", "/api/v1", "/providers/{provider}/v1")


async def _expect(_: web.Request) -> None:
    """`Expect: 100-continue` is answered where the body is read, once the key is known to be good."""


def application_routes(dialects: Mapping[str, Dialect]) -> Iterable[web.RouteDef]:
    """What applications call; generating routes by path."""
    for path, dialect in dialects.items():
        yield web.post(path, Generate(dialect).handle, expect_handler=_expect)
    for prefix in PREFIXES:
        yield web.get(f"{prefix}/models", models.list_models)
        yield web.get(f"{prefix}/models/{{id:.+}}", models.show_model)


def operator_routes() -> Iterable[web.RouteDef]:
    """What load balancers and Prometheus call."""
    yield web.get("/", health.root)
    yield web.get("/health/live", health.live)
    yield web.get("/health/ready", health.ready)
    yield web.get("/metrics", health.metrics)
