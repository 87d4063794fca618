"""What was decided for one request: a value that can be shown, stored and computed again."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.catalog.deployments import Deployment


@dataclass(frozen=True, slots=True)
class Rejection:
    """A target that is no candidate, and why."""

    target_id: str
    """`provider/model@endpoint`; without the endpoint where the whole provider is out."""
    reason: str


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
