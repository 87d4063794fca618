"""Keys in Redis: made, listed, changed, revoked, rotated, found by hash.

Each change is one atomic step that also announces it to every worker. Speaks StoreUnavailable when Redis is away; what
that means for a caller is for the room that asked.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.auth.keys import KeyRecord, KeySpec, from_json, new_key, rotated, to_json
from gateway.errors import Conflict, NotFound
from gateway.store import keyspace
from gateway.store.redis import Script, Store

FIRST_KEY_NAME = "first key"
_TRIES = 20


class KeyStore:
    """The records of all keys."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        # redis-py's types say `str` wherever decode_responses might be on; here it is bytes.
        self._client: Any = store.client
        self._clock = clock
        self._write_script = Script.load("key_write")

    async def create(self, spec: KeySpec) -> tuple[KeyRecord, str]:
        """A new key and its secret, which is seen here and never again."""
        record, secret = new_key(spec, self._clock())
        await self._write(record)
        return record, secret

    async def create_first(self) -> str | None:
        """The secret of a first key where there has never been one; None where there has, on any gateway."""
        record, secret = new_key(KeySpec(name=FIRST_KEY_NAME), self._clock())
        return secret if await self._write(record, only_first=True) else None

    async def list(self, limit: int = 50, cursor: int | None = None) -> tuple[list[KeyRecord], int | None]:
        """A page of keys, the newest first, and where the next page begins."""
        below = f"({cursor}" if cursor is not None else "+inf"
        found = await self._client.zrevrangebyscore(
            keyspace.keys_index(), below, "-inf", start=0, num=limit + 1, withscores=True
        )
        page = found[:limit]
        if not page:
            return [], None
        records = await self._client.mget([keyspace.key(key_id.decode()) for key_id, _ in page])
        return [from_json(record) for record in records if record], int(page[-1][1]) if len(found) > limit else None

    async def get(self, key_id: str) -> KeyRecord:
        """One key. Raises NotFound."""
        return from_json(await self._read(key_id))

    async def find(self, secret_hash: str) -> tuple[KeyRecord, float | None] | None:
        """The key that a secret of this hash belongs to, and until when that secret is valid."""
        key_id = await self._client.get(keyspace.key_by_hash(secret_hash))
        data = key_id and await self._client.get(keyspace.key(key_id.decode()))
        if not data:
            return None
        record = from_json(data)
        # Between the two reads the key may have been rotated or revoked: the record is what counts.
        return next(((record, secret.until) for secret in record.secrets if secret.hash == secret_hash), None)

    async def update(self, key_id: str, changes: Mapping[str, Any]) -> KeyRecord:
        """Change fields of the specification."""
        return await self._change(key_id, lambda record: replace(record, spec=replace(record.spec, **changes)))

    async def credit(self, key_id: str, usd_nano: int) -> KeyRecord:
        """Top up a budget for all time."""

        def topped_up(record: KeyRecord) -> KeyRecord:
            budget = record.spec.budget
            if budget is None or budget.period != "total":
                raise Conflict("Credits are for a budget of the period 'total'. Give this key one.", code="no_credits")
            more = replace(budget, usd_nano=budget.usd_nano + usd_nano)
            return replace(record, spec=replace(record.spec, budget=more))

        return await self._change(key_id, topped_up)

    async def revoke(self, key_id: str) -> KeyRecord:
        """End a key for good; its record stays, for the ledger's sake. Revoking twice changes nothing."""
        now = self._clock()
        return await self._change(
            key_id, lambda record: replace(record, revoked_at=now, secrets=()), revoked_is_done=True
        )

    async def rotate(self, key_id: str, grace_s: float) -> tuple[KeyRecord, str]:
        """A new secret for a key; the old one stays valid for the grace."""
        made: list[str] = []

        def turn(record: KeyRecord) -> KeyRecord:
            changed, secret = rotated(record, grace_s, self._clock())
            made[:] = [secret]
            return changed

        record = await self._change(key_id, turn)
        return record, made[0]

    async def _change(
        self, key_id: str, change: Callable[[KeyRecord], KeyRecord], *, revoked_is_done: bool = False
    ) -> KeyRecord:
        """Read, change, write if nobody else wrote in between, else once more."""
        for _ in range(_TRIES):
            data = await self._read(key_id)
            before = from_json(data)
            if before.revoked_at is not None:
                if revoked_is_done:
                    return before
                raise Conflict("This key is revoked, which is for good. Create a new one.", code="key_revoked")
            after = change(before)
            if await self._write(after, data, before):
                return after
        raise Conflict("Others keep changing this key at the same time. Try again.")

    async def _read(self, key_id: str) -> bytes:
        data: bytes | None = await self._client.get(keyspace.key(key_id))
        if data is None:
            raise NotFound("There is no key with this id. GET /admin/v1/keys lists them.", code="key_not_found")
        return data

    async def _write(
        self, record: KeyRecord, data: bytes = b"", before: KeyRecord | None = None, *, only_first: bool = False
    ) -> bool:
        valid = {secret.hash for secret in record.secrets}
        gone = {secret.hash for secret in before.secrets} - valid if before else set()
        arguments = [
            record.id,
            data,
            to_json(record),
            keyspace.invalidations(),
            " ".join([*valid, *gone]),
            len(valid),
            "first" if only_first else "",
        ]
        names = [keyspace.key(record.id), keyspace.keys_index()]
        names += [keyspace.key_by_hash(secret_hash) for secret_hash in [*valid, *gone]]
        return bool(await self._store.run(self._write_script, names, arguments))
