"""What teams and the organisation may do, kept in Redis. Each change is announced to every worker."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from gateway.catalog.allowances import Allowance, Budget, Limits
from gateway.store import keyspace
from gateway.store.redis import Store


class AllowanceStore:
    """By account id. Speaks StoreUnavailable when Redis is away."""

    def __init__(self, store: Store) -> None:
        self._client: Any = store.client

    async def all(self) -> dict[str, Allowance]:
        """Every account that has one."""
        found = await self._client.hgetall(keyspace.allowances())
        return {account.decode(): from_json(text) for account, text in found.items()}

    async def get(self, account_id: str) -> Allowance | None:
        """One account's."""
        found = await self._client.hget(keyspace.allowances(), account_id)
        return None if found is None else from_json(found)

    async def put(self, account_id: str, allowance: Allowance) -> None:
        """Whole, in place of what there was."""
        await self._client.hset(keyspace.allowances(), account_id, orjson.dumps(asdict(allowance)))
        await self._client.publish(keyspace.allowances_changed(), account_id)

    async def delete(self, account_id: str) -> bool:
        """Whether there was one."""
        gone = bool(await self._client.hdel(keyspace.allowances(), account_id))
        await self._client.publish(keyspace.allowances_changed(), account_id)
        return gone


class Money:
    """What an account has spent, and what is reserved, as Redis has it."""

    def __init__(self, store: Store) -> None:
        self._client: Any = store.client

    async def of(self, account_id: str, period: str) -> tuple[int, int]:
        """Settled and open, in nano-dollars."""
        settled, open_ = await self._client.hmget(keyspace.money(account_id, period), "settled", "open")
        return int(settled or 0), int(open_ or 0)


def from_json(text: bytes) -> Allowance:
    """As `put` wrote it. Fields that a newer gateway wrote are passed over."""
    plain: Mapping[str, Any] = orjson.loads(text)
    limits, budget = plain.get("limits"), plain.get("budget")
    return Allowance(
        Limits(**{name: limits.get(name) for name in Limits.__slots__}) if limits else None,
        Budget(budget["usd_nano"], budget["period"], budget["on_low"], tuple(budget["alerts"])) if budget else None,
    )
