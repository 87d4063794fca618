"""GET /v1/models and /v1/models/{id}: what this key may use. In Anthropic's shape for those who speak it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from gateway.dialects.anthropic_errors import is_anthropics
from gateway.dialects.anthropic_models import card, page
from gateway.errors import NotFound
from gateway.http.generate import authenticate
from gateway.http.state import STATE


async def list_models(request: web.Request) -> web.Response:
    """OpenAI's list, with OpenRouter's additions; or a page of Anthropic's."""
    state = request.app[STATE]
    principal = await authenticate(request, state)
    data = [model for model in state.table().listed() if principal.may_use(str(model["id"]))]
    if is_anthropics(request.path, request.headers):
        return web.json_response(page(data, request.query))
    return web.json_response({"object": "list", "data": data})


async def show_model(request: web.Request) -> web.Response:
    """One of them. What this key may not use does not exist for it."""
    state = request.app[STATE]
    principal = await authenticate(request, state)
    name = request.match_info["id"]
    model = _named(name, state.table().listed())
    if model is not None and principal.may_use(name):
        return web.json_response(card(model) if is_anthropics(request.path, request.headers) else model)
    state.table().resolve(name, request.match_info.get("provider"))  # names the nearest, if there is none of that name
    raise NotFound(
        f"There is no model {name[:100]!r} for this key. GET /v1/models lists what there is.",
        code="model_not_found",
        param="model",
    )


def _named(name: str, models: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((model for model in models if model["id"] == name), None)
