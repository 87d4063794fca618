"""A caller's request made up from what routing looks at: of a case, or of a decision that was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Owner:
    """A key, as routing looks at it."""

    key_id: str
    name: str
    team: str | None
    tags: Mapping[str, str]
    models: tuple[str, ...]

    def may_use(self, model: str) -> bool:
        """As a real one's."""
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request around a chat, made up."""

    principal: Owner
    provider: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
