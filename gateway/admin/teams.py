"""/admin/v1/teams: limits and budgets over all keys of a team. A team is there as soon as a key names it."""

from aiohttp import web

from gateway.admin.allowances import shown
from gateway.admin.bodies import AllowanceBody, read_body
from gateway.admin.services import AdminServices, answer, page
from gateway.errors import InvalidRequest, NotFound
from gateway.limits.accounts import team_account

LONGEST_NAME = 200


def team_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""
    allowances = services.allowances

    async def list_(_: web.Request) -> web.Response:
        found = sorted((await allowances.all()).items())
        teams = [(account, allowance) for account, allowance in found if account.startswith(team_account(""))]
        return page([await shown(services, "team", _name(account), account, allowance) for account, allowance in teams])

    async def show(request: web.Request) -> web.Response:
        account = _account(request)
        allowance = await allowances.get(account)
        if allowance is None:
            raise _unknown()
        return answer(await shown(services, "team", _name(account), account, allowance))

    async def put(request: web.Request) -> web.Response:
        account, allowance = _account(request), (await read_body(request, AllowanceBody)).value()
        await allowances.put(account, allowance)
        return answer(await shown(services, "team", _name(account), account, allowance))

    async def delete(request: web.Request) -> web.Response:
        account = _account(request)
        if not await allowances.delete(account):
            raise _unknown()
        return answer({"name": _name(account), "deleted": True})

    return [
        web.get("/admin/v1/teams", list_),
        web.get("/admin/v1/teams/{name}", show),
        web.put("/admin/v1/teams/{name}", put),
        web.delete("/admin/v1/teams/{name}", delete),
    ]


def _account(request: web.Request) -> str:
    name = request.match_info["name"]
    if name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InvalidRequest("A team's name is printable text of at most 200 characters.", param="name")
    return team_account(name)


def _name(account: str) -> str:
    return account.removeprefix(team_account(""))


def _unknown() -> NotFound:
    return NotFound(
        "Nothing is set for this team. PUT /admin/v1/teams/{name} sets its limits and its budget.",
        code="team_not_found",
    )
