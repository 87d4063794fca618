"""What an API key is: its form, its hash, and the record that stands behind it.

Values only. Where records are kept is in `key_store`, how a worker remembers them in `key_cache`, and what a caller may
write into one is checked at the admin API's door.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Any, Literal

import orjson

from gateway.auth.principal import Principal
from gateway.catalog.allowances import Budget, Limits

KEY_PREFIX = "hr-"
ADMIN_KEY_PREFIX = "hra-"

Status = Literal["active", "disabled", "expired", "revoked"]


def new_secret(prefix: str = KEY_PREFIX) -> str:
    """A fresh key: the prefix and 256 random bits as 43 URL-safe characters."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The only form a key is kept in. A plain SHA-256 is enough: there is nothing to guess in 256 random bits.

    A header's value may hold anything, lone surrogates included; no text makes this raise.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def presented_key(authorization: str | None, x_api_key: str | None = None) -> str | None:
    """The key that a request's headers carry, from `Authorization: Bearer ...` or `x-api-key`."""
    if authorization:
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer" and credentials.strip():
            return credentials.strip()
    return x_api_key.strip() or None if x_api_key else None


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What its owner says about a key: all that can be set and changed."""

    name: str
    team: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    models: tuple[str, ...] = ()
    """Patterns of model names; none means all."""
    limits: Limits | None = None
    budget: Budget | None = None
    unknown_price: Literal["refuse", "allow"] | None = None
    priority: int | None = None
    disabled: bool = False
    expires_at: float | None = None
    """Epoch seconds."""
    allowed_cidrs: tuple[str, ...] = ()
    """Networks that the key may be used from; none means all."""


@dataclass(frozen=True, slots=True)
class SecretHash:
    """One secret of a key, as its hash. A rotation leaves the old one valid `until` its grace is over."""

    hash: str
    until: float | None = None
    """Epoch seconds; None: as long as the key itself."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is kept: its specification, its secrets' hashes, and its dates."""

    id: str
    spec: KeySpec
    last_four: str
    """Of the current secret, so that its owner can tell keys apart."""
    secrets: tuple[SecretHash, ...] = field(repr=False)
    """The current one first."""
    created_at: float
    rotated_at: float | None = None
    revoked_at: float | None = None

    def status(self, now: float) -> Status:
        """In which of its states the key is."""
        if self.revoked_at is not None:
            return "revoked"
        if self.spec.disabled:
            return "disabled"
        expired = self.spec.expires_at is not None and self.spec.expires_at <= now
        return "expired" if expired else "active"

    def principal(self, until: float | None = None) -> Principal:
        """The caller whom this key stands for, by a secret that is valid `until`."""
        ends = [end for end in (self.spec.expires_at, until) if end is not None]
        return Principal(
            key_id=self.id,
            name=self.spec.name,
            team=self.spec.team,
            tags=MappingProxyType(dict(self.spec.tags)),
            models=self.spec.models,
            expires_at=min(ends, default=None),
            limits=self.spec.limits or None,
            budget=self.spec.budget,
            unknown_price=self.spec.unknown_price,
        )


def new_key(spec: KeySpec, now: float) -> tuple[KeyRecord, str]:
    """A record for a fresh key, and the key itself: the only time it is seen."""
    secret = new_secret()
    record = KeyRecord(
        id="key_" + secrets.token_hex(12),
        spec=spec,
        last_four=secret[-4:],
        secrets=(SecretHash(digest(secret)),),
        created_at=now,
    )
    return record, secret


def rotated(record: KeyRecord, grace_s: float, now: float) -> tuple[KeyRecord, str]:
    """The record with a fresh secret, and that secret. No older one outlives the grace, whatever it was promised."""
    secret = new_secret()
    end = now + grace_s
    older = (SecretHash(old.hash, end if old.until is None else min(old.until, end)) for old in record.secrets)
    return (
        replace(
            record,
            last_four=secret[-4:],
            secrets=(SecretHash(digest(secret)), *(old for old in older if old.until is not None and old.until > now)),
            rotated_at=now,
        ),
        secret,
    )


def to_json(record: KeyRecord) -> bytes:
    """The record as it stands in the store."""
    return orjson.dumps(_plain(record), option=orjson.OPT_SORT_KEYS)


def from_json(data: bytes) -> KeyRecord:
    """A record from the store. Fields that a newer gateway wrote are passed over."""
    plain = orjson.loads(data)
    spec = dict(plain["spec"])
    spec["limits"] = Limits(**spec["limits"]) if spec.get("limits") else None
    spec["budget"] = Budget(**_known(Budget, _tuples(spec["budget"]))) if spec.get("budget") else None
    plain["spec"] = KeySpec(**_known(KeySpec, _tuples(spec)))
    plain["secrets"] = tuple(SecretHash(**secret) for secret in plain["secrets"])
    return KeyRecord(**_known(KeyRecord, plain))


def networks(record: KeyRecord) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks that the key may be used from, parsed."""
    return tuple(ip_network(network) for network in record.spec.allowed_cidrs)


def _plain(value: Any) -> dict[str, Any]:
    # orjson writes dataclasses itself, but not a mapping proxy within one.
    plain: dict[str, Any] = orjson.loads(orjson.dumps(value, default=dict))
    return plain


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}


def _known(kind: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in plain.items() if name in names}
