"""A model's targets for one request: one stage after another leaves some out, each with its reason."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.decision import Kind, Rejection
from gateway.routing.entries import ModelEntry
from gateway.routing.guards import Guard
from gateway.routing.policies import Dice
from gateway.routing.preferences import Preferences
from gateway.routing.requirements import missed_now
from gateway.routing.suitability import overflowing, suited
from gateway.routing.wanted import eligible, ranked
from gateway.stats.snapshot import Prospect

Reopens = Callable[[str], float | None]
"""Target → when it may be tried again; None: now."""
Narrowed = tuple[tuple[Deployment, ...], tuple[Rejection, ...]]


class Left(NamedTuple):
    """What is left of one model."""

    candidates: tuple[Deployment, ...]
    rejected: tuple[Rejection, ...]
    drained: tuple[Deployment, ...]


def left_of(
    entry: ModelEntry,
    chat: ChatRequest,
    guards: Sequence[Guard],
    asked: Preferences | None,
    dice: Dice,
    prospect: Prospect,
) -> Left:
    """All stages but the circuits, which are looked at when all models of a route are together."""
    entry = suited(entry, chat)
    if asked is not None:
        entry = eligible(entry, asked, chat)
    drained = tuple(one for one in entry.drained if _objection(guards, entry, one, chat, prospect) is None)
    candidates, rejected = entry.order(chat, dice, prospect), entry.rejected
    reasons = [_objection(guards, entry, one, chat, prospect) for one in candidates]
    rejected += tuple(reason for reason in reasons if reason is not None)
    candidates = tuple(one for one, reason in zip(candidates, reasons, strict=True) if reason is None)
    candidates, rejected = fitting(chat, candidates, rejected)
    if asked is not None:
        candidates, more = ranked(candidates, entry, asked, prospect)
        rejected += more
    return Left(candidates, rejected, drained)


def _objection(
    guards: Iterable[Guard], entry: ModelEntry, deployment: Deployment, chat: ChatRequest, prospect: Prospect
) -> Rejection | None:
    for guard in guards:
        reason = guard.objection(entry.name, deployment, chat, prospect)
        if reason is not None:
            return Rejection(deployment.id, reason, Kind.GUARD)
    if entry.required is None:
        return None
    reason = missed_now(entry.required, deployment, chat, prospect)
    return None if reason is None else Rejection(deployment.id, f"policy '{entry.policy}': {reason}", Kind.POLICY)


def satisfying(
    entry: ModelEntry,
    candidates: tuple[Deployment, ...],
    rejected: tuple[Rejection, ...],
    chat: ChatRequest,
    prospect: Prospect,
) -> Narrowed:
    """Without those that miss what only statistics or the request can tell."""
    reasons = {one.id: why for one in candidates if (why := _objection((), entry, one, chat, prospect)) is not None}
    return tuple(one for one in candidates if one.id not in reasons), (*rejected, *reasons.values())


def fitting(chat: ChatRequest, candidates: tuple[Deployment, ...], rejected: tuple[Rejection, ...]) -> Narrowed:
    """Without those whose context window is too small."""
    reasons = overflowing(chat, candidates)
    if not reasons:
        return candidates, rejected
    return tuple(one for one in candidates if one.id not in reasons), (*rejected, *reasons.values())


def spared(candidates: tuple[Deployment, ...], rejected: tuple[Rejection, ...], reopens: Reopens) -> Narrowed:
    """Without those that are left alone; if all are, the one that reopens soonest is tried rather than nobody."""
    resting = {deployment.id: at for deployment in candidates if (at := reopens(deployment.id)) is not None}
    if not resting:
        return candidates, rejected
    awake = tuple(deployment for deployment in candidates if deployment.id not in resting)
    if not awake:
        awake = (min(candidates, key=lambda deployment: resting[deployment.id]),)
    left = [Rejection(one, "its circuit is open", Kind.CIRCUIT) for one in resting if all(one != a.id for a in awake)]
    return awake, (*rejected, *left)
