"""What the admin API is given to work with, and how its answers look."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from aiohttp import web

from gateway.auth.admin_key import is_admin
from gateway.auth.key_store import KeyStore
from gateway.auth.keys import presented_key
from gateway.dialects.base import Dialect
from gateway.door import Request, Responder
from gateway.errors import Unauthorized, Unavailable
from gateway.limits.allowance_store import AllowanceStore, Money
from gateway.routing.table import RoutingTable
from gateway.store.redis import StoreUnavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ledger(Protocol):
    """What is asked of the ledger."""

    async def usage(self, from_: float, to: float, group_by: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Sums over the hours of a period, one row for each combination of what it is grouped by."""

    async def requests(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        key: str | None = None,
        model: str | None = None,
        outcome: str | None = None,
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Recent requests, the newest first, and where the next page begins."""

    async def request(self, request_id: str) -> Mapping[str, Any] | None:
        """One of them."""


class Runs(Protocol):
    """What carries requests out (gateway.pipeline.Pipeline)."""

    async def run(self, request: Request, responder: Responder, dialect: Dialect) -> None:
        """Answer one request whole, errors included."""


@dataclass(frozen=True, slots=True)
class AdminServices:
    """The rooms that the admin API opens to the operator."""

    keys: KeyStore
    allowances: AllowanceStore
    money: Money
    ledger: Ledger
    rules: Callable[[], RoutingTable]
    """The table in force."""
    check_rules: Callable[[str], RoutingTable]
    """Text of a routing file → the table it would be. Raises RulesError; changes nothing."""
    rules_path: str
    pipeline: Runs
    """Where a provider that is tested gets its requests from, as from any caller."""
    admin_key_hash: str = field(repr=False)
    clock: Callable[[], float]


def guarded(handler: Handler, admin_key_hash: str) -> Handler:
    """The handler, for the owner alone. A store that is away is told as such."""

    @functools.wraps(handler)
    async def guard(request: web.Request) -> web.StreamResponse:
        presented = presented_key(request.headers.get("authorization"), request.headers.get("x-api-key"))
        if not is_admin(presented, admin_key_hash):
            raise Unauthorized
        try:
            return await handler(request)
        except StoreUnavailable as error:
            raise Unavailable(
                "The gateway's store is away. Try again shortly.", code="store_unavailable", retry_after_s=1
            ) from error

    return guard


def answer(content: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON answer. It may hold a key: no cache keeps it."""
    return web.Response(
        body=orjson.dumps(content, default=_plain),
        status=status,
        content_type="application/json",
        headers={"cache-control": "no-store"},
    )


def page(rows: Sequence[Mapping[str, Any]], next_cursor: str | int | None = None) -> web.Response:
    """A listing."""
    return answer({"data": list(rows), "next_cursor": None if next_cursor is None else str(next_cursor)})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    # Decimals: to the nano-dollar they stand in a double exactly enough to print the same digits.
    return float(value)
