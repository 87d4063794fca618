"""What was decided for one request: a value that can be shown, stored and computed again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.preferences import Preferences


class Kind(StrEnum):
    """What leaves a target out."""

    PROVIDER = "provider"
    """Its provider is disabled, or only stands in for another."""
    DRAINED = "drained"
    POLICY = "policy"
    """What the policy requires."""
    GUARD = "guard"
    DIALECT = "dialect"
    """The request can't be put to it at all."""
    CAPABILITY = "capability"
    CONTEXT = "context"
    """The input is too long for it."""
    PREFERENCE = "preference"
    """What the caller asks of targets."""
    CIRCUIT = "circuit"
    MODEL = "model"
    """The whole model is out, and another one was turned to."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A target that is no candidate, and why."""

    target_id: str
    """`provider/model@endpoint`; without the endpoint where the whole provider is out."""
    reason: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """Other models to turn to, by what went wrong with this one."""

    on_error: tuple[str, ...] = ()
    on_context_overflow: tuple[str, ...] = ()
    on_refusal: tuple[str, ...] = ()


NO_FALLBACKS = Fallbacks()


class Decision(NamedTuple):
    """Who is to be tried, in this order; and why each other one is not."""

    candidates: tuple[Deployment, ...]
    rejected: tuple[Rejection, ...]
    model: str
    """The name that the request was decided under: in the routing file, or below one of its wildcards."""
    label: str
    """The same for metrics: the name as it stands in the file, `other` for a provider's own model."""
    policy: str
    rules_hash: str
    route: str | None = None
    """The route that decided, if any."""
    failed_conditions: tuple[str, ...] = ()
    """Routes whose condition could not be evaluated, which counts as false."""
    fallbacks: Fallbacks = NO_FALLBACKS
    guards: tuple[str, ...] = ()
    """Those that applied."""
    chat: ChatRequest | None = None
    """The request as it is to be sent, where that is not as it came: without the fields that were meant for routing, or
    with another output limit. None: as it came."""
    lowered_to: int | None = None
    """The output limit that a guard put in place of the caller's."""
    asked: Preferences | None = None
    """What the caller asked of targets."""
    ignored: tuple[str, ...] = ()
    """Of that, what can't be honoured, by name."""
