"""Who calls, and what they may use. A value: made at look-up, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal

from gateway.catalog.allowances import Budget, Limits


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of a key, as the request path sees it."""

    key_id: str
    name: str
    team: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    models: tuple[str, ...] = ()
    """Patterns of model names this key may use (`qwen3-*`); none means all."""
    expires_at: float | None = None
    """Epoch seconds."""
    limits: Limits | None = None
    budget: Budget | None = None
    unknown_price: Literal["refuse", "allow"] | None = None
    """Models whose price nobody knows: None is `refuse` where there is a budget."""

    def may_use(self, model: str) -> bool:
        """Whether one of the key's patterns covers this model name."""
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)
