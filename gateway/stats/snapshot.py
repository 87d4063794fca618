"""What routing knows of the targets at one moment: a frozen view, made once a second, handed over as an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class TargetStatistics:
    """How fast one target has been of late, in seconds."""

    first_token_p50_s: float
    first_token_p95_s: float
    first_token_p99_s: float
    per_token_s: float | None
    """Median time per output token; None: no stream of several tokens yet."""
    observations: float
    """How many there were, each faded by its age."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it."""

    targets: Mapping[str, TargetStatistics] = field(default_factory=lambda: MappingProxyType({}))
    """By `provider/model@endpoint`."""
    output_tokens: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    """Mean length of answers, by model's name and key; under the key '' that of all."""
    taken_at: float = 0.0
    """Monotonic seconds."""

    def expected_output(self, model: str, key_id: str) -> float | None:
        """Tokens that this model's answers to this key have had; None: there is no history."""
        own = self.output_tokens.get((model, key_id))
        return own if own is not None else self.output_tokens.get((model, ""))


class Prospect(NamedTuple):
    """What one request looks at: the snapshot, and whose history tells how long its answer will be."""

    snapshot: Snapshot
    model: str
    key_id: str

    def of(self, target: str) -> TargetStatistics | None:
        """How fast a target has been; None: it has no history."""
        return self.snapshot.targets.get(target)


NOTHING_KNOWN = Snapshot()
