"""One caller's request, decided and ready to be carried out; and what its attempts came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.errors import BackendError
from backends.types import ChatRequest
from gateway.dialects.base import Dialect, StreamEncoder
from gateway.dispatch.itinerary import Itinerary
from gateway.dispatch.said import Said
from gateway.door import Request, Responder
from gateway.limits.ticket import FREE, Ticket
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
    explained: str | None = None
    """The decision in a line, for a caller that asked for it (`x-headrace-explain`)."""
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
    attempts: int = 0
    """Begun so far."""
    ticket: Ticket = FREE
    """What it was admitted with."""
    output_limited: int | None = None
    """Tokens: the limit that a budget has set on the latest attempt's answer."""
    opening: bytes = b""
    """The first bytes of a stream that the caller was sent."""
    encoder: StreamEncoder | None = None
    """Says a translated stream to the caller; one for all attempts, since the caller sees one answer."""
    said: Said | None = None
    """What the caller has been told; None: nobody could go on with it."""
    broke: tuple[BackendError, str, bool] | None = None
    """Why the latest attempt that the caller has content of did not end well: its error, its provider, and whether that
    one speaks the caller's dialect."""
    upstream_until: float = 0.0
    """Monotonic seconds: up to when `upstream_s` counts."""
