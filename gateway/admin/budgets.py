"""/admin/v1/budgets: every budget with what is spent and reserved of it; and limits and budget of the organisation."""

from aiohttp import web

from gateway.admin.allowances import shown
from gateway.admin.bodies import AllowanceBody, CreditBody, read_body
from gateway.admin.services import AdminServices, answer, page
from gateway.auth.keys import KeyRecord
from gateway.catalog.allowances import Allowance
from gateway.catalog.prices import NANO_PER_USD
from gateway.errors import NotFound
from gateway.limits.accounts import ORGANISATION, team_account

KEYS_AT_ONCE = 500
NOTHING = Allowance()


def budget_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""
    allowances = services.allowances

    async def list_(_: web.Request) -> web.Response:
        rows = []
        for account, allowance in sorted((await allowances.all()).items()):
            if allowance.budget is not None:
                scope = ORGANISATION if account == ORGANISATION else "team"
                name = account.removeprefix(team_account(""))
                rows.append(await shown(services, scope, name, account, allowance))
        for record in await _keys_with_budgets(services):
            allowance = Allowance(record.spec.limits, record.spec.budget)
            rows.append({**await shown(services, "key", record.spec.name, record.id, allowance), "id": record.id})
        return page(rows)

    async def show(request: web.Request) -> web.Response:
        _require_organisation(request)
        allowance = await allowances.get(ORGANISATION) or NOTHING
        return answer(await shown(services, ORGANISATION, ORGANISATION, ORGANISATION, allowance))

    async def put(request: web.Request) -> web.Response:
        _require_organisation(request)
        allowance = (await read_body(request, AllowanceBody)).value()
        await allowances.put(ORGANISATION, allowance)
        return answer(await shown(services, ORGANISATION, ORGANISATION, ORGANISATION, allowance))

    async def delete(request: web.Request) -> web.Response:
        _require_organisation(request)
        await allowances.delete(ORGANISATION)
        return answer({"name": ORGANISATION, "deleted": True})

    async def credit(request: web.Request) -> web.Response:
        body = await read_body(request, CreditBody)
        record = await services.keys.credit(request.match_info["id"], int(body.usd * NANO_PER_USD))
        allowance = Allowance(record.spec.limits, record.spec.budget)
        return answer({**await shown(services, "key", record.spec.name, record.id, allowance), "id": record.id})

    return [
        web.get("/admin/v1/budgets", list_),
        web.get("/admin/v1/budgets/{name}", show),
        web.put("/admin/v1/budgets/{name}", put),
        web.delete("/admin/v1/budgets/{name}", delete),
        web.post("/admin/v1/keys/{id}/credits", credit),
    ]


async def _keys_with_budgets(services: AdminServices) -> list[KeyRecord]:
    found: list[KeyRecord] = []
    cursor: int | None = None
    while True:
        records, cursor = await services.keys.list(KEYS_AT_ONCE, cursor)
        found += [record for record in records if record.spec.budget is not None and record.revoked_at is None]
        if cursor is None:
            return found


def _require_organisation(request: web.Request) -> None:
    if request.match_info["name"] != ORGANISATION:
        raise NotFound(
            "The budget by name is the organisation's (/admin/v1/budgets/organisation). A team's is set with PUT "
            "/admin/v1/teams/{name}, a key's with PATCH /admin/v1/keys/{id}.",
            code="budget_not_found",
        )
