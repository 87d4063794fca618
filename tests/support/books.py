"""The gateway's ledger as an operator reads it: usage rows and requests over the admin API, polled until they settle.

The ledger is written behind the answer (a batch every fraction of a second), so a test asks until it holds what it
waits for; asking a little longer must then change nothing.
"""

from collections.abc import Callable
from typing import Any

from tests.support.caller import Answer
from tests.support.gateway import Gateway
from tests.support.patience import eventually

Row = dict[str, Any]


def read(gateway: Gateway, path: str) -> Answer:
    """An admin page; 503 says to look again in a moment, and on a busy machine a store's deadline can pass."""

    def look() -> Answer | None:
        answer = gateway.admin.get(path)
        return None if answer.status == 503 else answer

    answer = eventually(look, within_s=10, every_s=0.2, what=f"an answer to {path}")
    assert answer is not None
    return answer


def usage_rows(gateway: Gateway, group_by: str, **filters: str) -> list[Row]:
    query = "&".join(f"{name}={value}" for name, value in {"group_by": group_by, **filters}.items())
    answer = read(gateway, f"/admin/v1/usage?{query}")
    assert answer.status == 200, answer.body
    rows: list[Row] = answer.json["data"]
    return rows


def usage_of_key(gateway: Gateway, key_id: str, until: Callable[[Row], bool] = lambda _: True) -> Row:
    """The one usage row of a key, once `until` holds for it."""

    def look() -> Row | None:
        rows = [row for row in usage_rows(gateway, "key") if key_id in (row.get("key"), row.get("key_id"))]
        assert len(rows) < 2, rows
        return rows[0] if rows and until(rows[0]) else None

    return eventually(look, every_s=0.05, what=f"usage of {key_id}") or {}


def all_requests(gateway: Gateway, page: int = 200) -> list[Row]:
    """Every entry the ledger lists, page by page."""
    rows: list[Row] = []
    cursor = ""
    while True:
        answer = read(gateway, f"/admin/v1/requests?limit={page}{cursor and '&cursor=' + cursor}")
        assert answer.status == 200, answer.body
        listing = answer.json
        rows += listing["data"]
        if not listing.get("next_cursor"):
            return rows
        cursor = listing["next_cursor"]


def entry(gateway: Gateway, request_id: str, attempts: int | None = None, within_s: float = 5.0) -> Row:
    """The ledger's entry of one request; waits until it is there and, if told how many, has all its attempts."""

    def look() -> Row | None:
        answer = read(gateway, f"/admin/v1/requests/{request_id}")
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.body
        found: Row = answer.json
        return found if attempts is None or len(found["attempts"]) >= attempts else None

    return eventually(look, within_s=within_s, every_s=0.05, what=f"a ledger entry for {request_id}") or {}
