"""One caller's request, decided and ready to be carried out; and what its attempts came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.types import ChatRequest
from gateway.dialects.base import Dialect
from gateway.dispatch.itinerary import Itinerary
from gateway.door import Request, Responder
from gateway.metering.records import UsageRecord
from gateway.metrics import Tally
from gateway.routing.decision import Decision


@dataclass(frozen=True, slots=True)
class Tried:
    """A failed attempt, as the caller is told of it in `error.metadata.attempts`."""

    target: str
    reason: str
    ms: int


@dataclass(slots=True)
class Call:
    """What the pipeline knows when it dispatches. `tried` and `last` are filled in by the attempts."""

    request: Request
    chat: ChatRequest
    dialect: Dialect
    decision: Decision
    """In force for the latest attempt: a fallback model has its own."""
    itinerary: Itinerary
    responder: Responder
    admitted_at: float
    """Epoch seconds: the period that this request belongs to."""
    model_label: str
    """The configured name of the model, for metrics; `other` where the caller chose it."""
    tags: Mapping[str, str]
    """The key's, and of the caller's those that the routing file declares."""
    ends_at: float
    """Monotonic seconds: the caller's own patience; infinite where it named none."""
    ignored: tuple[str, ...] = ()
    """Wishes that could not be honoured, by name."""
    dropped: tuple[str, ...] = ()
    """Fields of the request that the latest attempt's target can't honour, by name."""
    tried: list[Tried] = field(default_factory=list)
    last: UsageRecord | None = None
    """The latest attempt's record."""
    tally: Tally | None = None
    """Where the latest attempt is counted."""
    upstream_s: float = 0.0
    """Time spent waiting for upstreams, all attempts together."""
    first_content_at: float | None = None
    """Monotonic seconds, when the caller was first sent content or reasoning."""
