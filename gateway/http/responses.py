"""GET and DELETE /v1/responses/{id}, GET /v1/responses/{id}/input_items: answers that the gateway keeps for a while.

https://platform.openai.com/docs/api-reference/responses/get
"""

from typing import Any

import orjson
from aiohttp import web

from gateway.conversations import Conversations
from gateway.dialects.openai_responses_turn import our_stem
from gateway.errors import InvalidRequest, NotFound
from gateway.http.generate import authenticate
from gateway.http.state import STATE

MOST_LISTED = 100
LISTED_UNASKED = 20


async def show_response(request: web.Request) -> web.Response:
    """The response as it was given."""
    kept, key_id, stem = await _asked(request)
    body = await kept.response(key_id, stem)
    if body is None:
        raise _not_found(request)
    return web.Response(body=body, content_type="application/json")


async def delete_response(request: web.Request) -> web.Response:
    """Forget it."""
    kept, key_id, stem = await _asked(request)
    if not await kept.forget(key_id, stem):
        raise _not_found(request)
    return web.json_response({"id": request.match_info["id"], "object": "response", "deleted": True})


async def list_input_items(request: web.Request) -> web.Response:
    """What the response was given to, the newest first unless asked otherwise, page by page."""
    kept, key_id, stem = await _asked(request)
    items = await kept.input_items(key_id, stem)
    if items is None:
        raise _not_found(request)
    if request.query.get("order", "desc") == "desc":
        items.reverse()
    after, limit = request.query.get("after"), _limit(request.query.get("limit"))
    if after is not None:
        ids = [item["id"] for item in items]
        items = items[ids.index(after) + 1 :] if after in ids else []
    return web.Response(body=orjson.dumps(_page(items, limit)), content_type="application/json")


def _page(items: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    page = items[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > limit,
    }


def _limit(given: str | None) -> int:
    if given is None:
        return LISTED_UNASKED
    if not given.isdecimal() or not 1 <= int(given) <= MOST_LISTED:
        raise InvalidRequest(f"'limit' must be a whole number from 1 to {MOST_LISTED}.", param="limit")
    return int(given)


async def _asked(request: web.Request) -> tuple[Conversations, str, str]:
    """Where to look, whose it must be, and what it is kept under."""
    state = request.app[STATE]
    principal = await authenticate(request, state)
    stem, kept = our_stem(request.match_info["id"]), state.pipeline.conversations
    if stem is None or kept is None:
        raise _not_found(request)
    return kept, principal.key_id, stem


def _not_found(request: web.Request) -> NotFound:
    return NotFound(
        f"Response with id '{request.match_info['id'][:80]}' not found. The gateway keeps, for this API key and for a "
        "while, responses whose ids begin with 'resp_hr'; others are kept by the provider that made them.",
        code="response_not_found",
        param="id",
    )
