"""URL → handler and dialect, one table."""

from collections.abc import Iterable, Mapping

from aiohttp import web

from gateway.dialects.base import Dialect
from gateway.http import health, models, responses
from gateway.http.generate import Generate

PREFIXES = ("/v1", "/openai/v1", "/api/v1", "/providers/{provider}/v1")
ANTHROPICS = "/anthropic"
"""The base URL of clients that speak Anthropic's protocol and nothing else."""


async def _expect(_: web.Request) -> None:
    """`Expect: 100-continue` is answered where the body is read, once the key is known to be good."""


def application_routes(dialects: Mapping[str, Dialect]) -> Iterable[web.RouteDef]:
    """What applications call; generating routes by path."""
    for path, dialect in dialects.items():
        yield web.post(path, Generate(dialect).handle, expect_handler=_expect)
    for prefix in (*PREFIXES, f"{ANTHROPICS}/v1"):
        yield web.get(f"{prefix}/models", models.list_models)
        yield web.get(f"{prefix}/models/{{id:.+}}", models.show_model)
    for path in (ANTHROPICS, f"{ANTHROPICS}/"):  # what a coding agent asks first, with HEAD
        yield web.get(path, health.root)
    for prefix in PREFIXES:
        yield web.get(f"{prefix}/responses/{{id}}", responses.show_response)
        yield web.delete(f"{prefix}/responses/{{id}}", responses.delete_response)
        yield web.get(f"{prefix}/responses/{{id}}/input_items", responses.list_input_items)


def operator_routes() -> Iterable[web.RouteDef]:
    """What load balancers and Prometheus call."""
    yield web.get("/", health.root)
    yield web.get("/health/live", health.live)
    yield web.get("/health/ready", health.ready)
    yield web.get("/metrics", health.metrics)
