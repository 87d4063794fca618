"""/admin/v1/usage and /admin/v1/requests: what was used, and what the ledger knows of each recent request."""

import re
from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, Field

from gateway.admin.bodies import Body, Text, Time, check
from gateway.admin.services import AdminServices, answer, page
from gateway.errors import NotFound
from gateway.metering.ledger import GROUPS

DEFAULT_PERIOD_S = 30 * 86_400


def _groups(value: str) -> tuple[str, ...]:
    groups = [group for group in (part.strip() for part in value.split(",")) if group]
    for group in groups:
        if group not in GROUPS and not re.fullmatch(r"tag:[A-Za-z_][A-Za-z0-9_]{0,63}", group):
            allowed = f"{', '.join(GROUPS)} and tag:NAME"
            raise ValueError(f"{group[:50]!a} is no group; allowed are {allowed}, separated by commas")
    return tuple(dict.fromkeys(groups))


class UsageQuery(Body, strict=False):
    """A period and what to group it by."""

    from_: Annotated[Time | None, Field(alias="from")] = None
    to: Time | None = None
    group_by: Annotated[tuple[str, ...], BeforeValidator(_groups)] = ()


class RequestsQuery(Body, strict=False):
    """Which of the recent requests, and which page of them."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Text | None = None
    key: Text | None = None
    model: Text | None = None
    outcome: Text | None = None


def usage_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""
    ledger, clock = services.ledger, services.clock

    async def usage(request: web.Request) -> web.Response:
        query = check(UsageQuery, request.query)
        to = clock() if query.to is None else query.to
        from_ = max(0.0, to - DEFAULT_PERIOD_S) if query.from_ is None else query.from_
        return page(await ledger.usage(from_, to, query.group_by))

    async def requests(request: web.Request) -> web.Response:
        query = check(RequestsQuery, request.query)
        return page(
            *await ledger.requests(query.limit, query.cursor, key=query.key, model=query.model, outcome=query.outcome)
        )

    async def request_(request: web.Request) -> web.Response:
        found = await ledger.request(request.match_info["id"])
        if found is None:
            raise NotFound(
                "The ledger has no recent request with this id. GET /admin/v1/requests lists them.",
                code="request_not_found",
            )
        return answer(found)

    return [
        web.get("/admin/v1/usage", usage),
        web.get("/admin/v1/requests", requests),
        web.get("/admin/v1/requests/{id}", request_),
    ]
