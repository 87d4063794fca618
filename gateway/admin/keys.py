"""/admin/v1/keys: made, listed, shown, changed, revoked, rotated."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from gateway.admin.allowances import shown_budget
from gateway.admin.bodies import Body, KeyBody, KeyPatch, RotateBody, check, read_body
from gateway.admin.services import AdminServices, answer, page
from gateway.auth.keys import KeyRecord, KeySpec


class ListQuery(Body, strict=False):
    """Which page of the keys."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[int, Field(ge=0)] | None = None


def key_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""
    keys, clock = services.keys, services.clock

    async def create(request: web.Request) -> web.Response:
        body = await read_body(request, KeyBody)
        record, secret = await keys.create(KeySpec(**body.changes()))
        return answer(_shown(record, clock(), secret), status=201)

    async def list_(request: web.Request) -> web.Response:
        query = check(ListQuery, request.query)
        records, next_cursor = await keys.list(query.limit, query.cursor)
        now = clock()
        return page([_shown(record, now) for record in records], next_cursor)

    async def show(request: web.Request) -> web.Response:
        return answer(_shown(await keys.get(request.match_info["id"]), clock()))

    async def update(request: web.Request) -> web.Response:
        body = await read_body(request, KeyPatch)
        return answer(_shown(await keys.update(request.match_info["id"], body.changes()), clock()))

    async def revoke(request: web.Request) -> web.Response:
        return answer(_shown(await keys.revoke(request.match_info["id"]), clock()))

    async def rotate(request: web.Request) -> web.Response:
        body = await read_body(request, RotateBody)
        record, secret = await keys.rotate(request.match_info["id"], body.grace)
        return answer(_shown(record, clock(), secret))

    return [
        web.post("/admin/v1/keys", create),
        web.get("/admin/v1/keys", list_),
        web.get("/admin/v1/keys/{id}", show),
        web.patch("/admin/v1/keys/{id}", update),
        web.delete("/admin/v1/keys/{id}", revoke),
        web.post("/admin/v1/keys/{id}/rotate", rotate),
    ]


def _shown(record: KeyRecord, now: float, secret: str | None = None) -> dict[str, Any]:
    """A key as operators see it; `key` is in the answer that made it and never again."""
    spec = record.spec
    shown: dict[str, Any] = {
        "id": record.id,
        "name": spec.name,
        "status": record.status(now),
        "last_four": record.last_four,
        "team": spec.team,
        "tags": dict(spec.tags),
        "models": spec.models,
        "limits": asdict(spec.limits) if spec.limits else None,
        "budget": shown_budget(spec.budget) if spec.budget else None,
        "unknown_price": spec.unknown_price,
        "priority": spec.priority,
        "disabled": spec.disabled,
        "expires_at": _time(spec.expires_at),
        "allowed_cidrs": spec.allowed_cidrs,
        "created_at": _time(record.created_at),
        "rotated_at": _time(record.rotated_at),
        "revoked_at": _time(record.revoked_at),
    }
    return shown if secret is None else {"id": record.id, "key": secret, **shown}


def _time(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
