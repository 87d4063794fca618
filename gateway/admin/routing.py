"""/admin/v1/rules: the routing file in force, and what another text would be."""

from aiohttp import web

from gateway.admin.bodies import Body, read_body, read_text
from gateway.admin.services import AdminServices, answer
from gateway.errors import Conflict, InvalidRequest
from gateway.routing.problems import Problem, RulesError


class CheckBody(Body):
    """A routing file within JSON."""

    rules: str


def rules_routes(services: AdminServices) -> list[web.RouteDef]:
    """The routes of this file, not yet guarded."""

    async def show(_: web.Request) -> web.Response:
        table = services.rules()
        return answer(
            {"hash": table.hash, "source": services.rules_path, "text": table.text, "notes": list(table.notes)}
        )

    async def replace(_: web.Request) -> web.Response:
        raise Conflict(
            f"The rules are managed by a file ({services.rules_path}). Change the file: it is read again at once.",
            code="rules_managed_by_file",
        )

    async def check(request: web.Request) -> web.Response:
        # 200 either way: the question was whether the text would do, and that is answered.
        try:
            table = services.check_rules(await _text(request))
        except RulesError as error:
            return answer({"ok": False, "hash": None, "notes": [], "errors": [_shown(p) for p in error.problems]})
        return answer({"ok": True, "hash": table.hash, "notes": list(table.notes), "errors": []})

    return [
        web.get("/admin/v1/rules", show),
        web.put("/admin/v1/rules", replace),
        web.post("/admin/v1/rules/check", check),
    ]


async def _text(request: web.Request) -> str:
    """The file as it is, or as `rules` of a JSON object."""
    if request.content_type == "application/json":
        return (await read_body(request, CheckBody)).rules
    try:
        return (await read_text(request)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The routing file must be UTF-8 text.") from error


def _shown(problem: Problem) -> dict[str, object]:
    mark = problem.mark
    return {
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "where": problem.where,
        "message": problem.message,
    }
