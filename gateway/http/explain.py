"""POST /v1/route: what would be done with a chat body, explained; nothing is sent.

With an API key the answer is what its owner may know; with the admin key it is everything, by a key that may use all.
"""

from collections.abc import Iterable, Mapping

import orjson
from aiohttp import web

from gateway.auth.admin_key import is_admin
from gateway.auth.principal import Principal
from gateway.dialects.base import Dialect
from gateway.door import Request
from gateway.errors import InvalidRequest
from gateway.http.body import check_media_type, read_body
from gateway.http.generate import authenticate
from gateway.http.headers import key_of
from gateway.http.routes import ANTHROPICS, PREFIXES
from gateway.http.state import REQUEST_ID, STATE
from gateway.pipeline import Pipeline
from gateway.routing.candidates import OPENAI_CHAT
from gateway.routing.explain import Explainer, Told

OPERATOR = Principal("", "operator")
CHATS = ("openai_chat", "openai_responses", "openai_completions", "anthropic_messages")


class Explain:
    """One handler. `dialects`: what the body may be written in, by name (`?dialect=anthropic_messages`)."""

    def __init__(self, dialects: Iterable[Dialect], admin_key_hash: str, default: str = OPENAI_CHAT) -> None:
        self._dialects = {dialect.name: dialect for dialect in dialects}
        self._admin_key_hash = admin_key_hash
        self._default = default

    async def handle(self, request: web.Request) -> web.Response:
        """200 with the explanation, of a denial too: the question was what would be done."""
        state = request.app[STATE]
        operator = is_admin(key_of(request), self._admin_key_hash)
        principal = OPERATOR if operator else await authenticate(request, state)
        check_media_type(request.headers.get("content-type"))
        dialect = self._dialect(request.query.get("dialect", self._default))
        equipment = state.pipeline.equipment
        asked = Request(
            id=request[REQUEST_ID],
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=await read_body(request, state.body_limit),
            principal=principal,
            provider=request.match_info.get("provider"),
            started_at=equipment.clock(),
        )
        told = _told(asked, dialect, state.pipeline, operator=operator)
        return web.Response(
            body=orjson.dumps(told), content_type="application/json", headers={"cache-control": "no-store"}
        )

    def _dialect(self, name: str) -> Dialect:
        dialect = self._dialects.get(name)
        if dialect is None:
            known = ", ".join(sorted(self._dialects))
            raise InvalidRequest(f"'dialect' must be one of {known}.", param="dialect")
        return dialect


def _told(asked: Request, dialect: Dialect, pipeline: Pipeline, *, operator: bool) -> Told:
    chat = dialect.parse(asked.body, asked.headers)
    equipment, table = pipeline.equipment, pipeline.table()
    snapshot = equipment.book.snapshot
    age_s = equipment.clock() - snapshot.taken_at if snapshot.targets else None
    explainer = Explainer(table, snapshot, age_s, operator=operator)
    reopens = equipment.health.reopens_at if equipment.health.resting else None
    return explainer.dry_run(chat, asked, pipeline.dice, dialect=dialect.name, reopens=reopens)


def explaining_routes(dialects: Mapping[str, Dialect], admin_key_hash: str) -> Iterable[web.RouteDef]:
    """Under every prefix; Anthropic's takes a body in its own form."""
    chats = [dialect for dialect in dialects.values() if dialect.name in CHATS]
    for prefix in PREFIXES:
        yield web.post(f"{prefix}/route", Explain(chats, admin_key_hash).handle)
    yield web.post(f"{ANTHROPICS}/v1/route", Explain(chats, admin_key_hash, "anthropic_messages").handle)
