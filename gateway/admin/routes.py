"""The admin API: which URL is served by what, all of it for the owner alone."""

from aiohttp import web

from gateway.admin.backends import backend_routes
from gateway.admin.budgets import budget_routes
from gateway.admin.keys import key_routes
from gateway.admin.routing import rules_routes
from gateway.admin.services import AdminServices, guarded
from gateway.admin.teams import team_routes
from gateway.admin.usage import usage_routes


def admin_routes(services: AdminServices) -> list[web.RouteDef]:
    """Every route below /admin/v1. Errors are raised as GatewayError; who serves the routes renders them."""
    routes = [
        *key_routes(services),
        *team_routes(services),
        *budget_routes(services),
        *usage_routes(services),
        *rules_routes(services),
        *backend_routes(services),
    ]
    return [
        web.route(route.method, route.path, guarded(route.handler, services.admin_key_hash), **route.kwargs)
        for route in routes
    ]
