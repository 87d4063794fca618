"""One request + the table → the targets to try, in order. Runs for every request: what can be known at load is known.

Without guards, routes and variants it is a look-up and an ordering. Clock and dice are arguments.
"""

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import accumulate

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.errors import Forbidden, GatewayError, Unavailable
from gateway.routing.conditions import NOT_READ_YET, EvaluationError
from gateway.routing.decision import Decision, Rejection
from gateway.routing.entries import ModelEntry
from gateway.routing.facts import CallerRequest, Facts
from gateway.routing.guards import Guard, Route
from gateway.routing.policies import Dice
from gateway.routing.problems import printable
from gateway.routing.requirements import missed_now
from gateway.routing.schema.policies import RequirementRules
from gateway.routing.table import RoutingTable
from gateway.stats.snapshot import NOTHING_KNOWN, Prospect, Snapshot

OPENAI_CHAT = "openai_chat"
Reopens = Callable[[str], float | None]
"""Target → when it may be tried again; None: now."""


def wall_clock() -> float:
    """Epoch seconds."""
    return datetime.now(UTC).timestamp()


def decide(
    table: RoutingTable,
    chat: ChatRequest,
    request: CallerRequest,
    dice: Dice,
    *,
    dialect: str = OPENAI_CHAT,
    now: Callable[[], float] = wall_clock,
    snapshot: Snapshot = NOTHING_KNOWN,
    reopens: Reopens | None = None,
    instead: str | None = None,
) -> Decision:
    """Who is to be tried. Raises NotFound, Forbidden (`model_not_allowed`, `denied_by_guard`, `no_eligible_target`)
    and Unavailable (`no_healthy_target`).

    `reopens`: when a target that is left alone may be tried again; None: all are well. `instead`: the model that the
    file names in place of the one asked for, which needs no leave of the key's.
    """
    entry = table.resolve(instead or chat.model, request.provider)
    may_use = request.principal.may_use
    if instead is None and not may_use(chat.model) and not any(map(may_use, table.names_of(chat.model, entry))):
        raise Forbidden(
            f"This key may not use the model '{printable(chat.model)}'. GET /v1/models lists those it may use.",
            code="model_not_allowed",
            param="model",
        )
    key_id = request.principal.key_id
    if table.guards or table.routes or entry.variants:
        facts = Facts(chat, request, dialect, tuple(table.rules.tags), now, table.zone)
        return _decide_with_rules(table, entry, facts, dice, snapshot, reopens, routed=instead is not None)
    if not entry.deployments:
        raise _nobody(entry.name, entry.rejected, entry.drained)
    prospect = Prospect(snapshot, entry.label, key_id)
    candidates, rejected = entry.order(chat, dice, prospect), entry.rejected
    if entry.required is not None:
        candidates, rejected = _satisfying(entry.required, candidates, rejected, chat, prospect)
        if not candidates:
            raise _nobody(entry.name, rejected, entry.drained)
    if reopens is not None:
        candidates, rejected = _spared(candidates, rejected, reopens)
    return Decision(candidates, rejected, entry.name, entry.label, entry.policy, table.hash, None, (), entry.fallbacks)


def _decide_with_rules(
    table: RoutingTable,
    entry: ModelEntry,
    facts: Facts,
    dice: Dice,
    snapshot: Snapshot,
    reopens: Reopens | None,
    *,
    routed: bool,
) -> Decision:
    """`routed`: the model has been chosen; guards still have their say."""
    context = _context(table, facts)
    asked = table.names_of(facts.chat.model, entry)
    route, failed = (None, ()) if routed else _route(table, asked, facts.dialect, context)
    provider = facts.request.provider
    entries = [_variant(table, chosen, dice, provider) for chosen in _routed(table, entry, route, provider)]
    if route is not None and route.rules.policy is not None:
        entries = [table.under_policy(chosen, route.rules.policy, provider) for chosen in entries]
    names = tuple(dict.fromkeys((*asked, *(chosen.name for chosen in entries))))
    guards = [guard for guard in table.guards if guard.concerns(names) and guard.applies(context)]
    candidates, rejected, drained = _narrowed(entries, guards, facts, dice, snapshot)
    # A variant is reported under the name that was asked for; a routed request under the model it was routed to.
    named = entry if entry.variants and (route is None or route.rules.route is None) else entries[0]
    if not candidates:
        raise _nobody(named.name, rejected, drained)
    tried, left_out = tuple(candidates), tuple(rejected)
    if reopens is not None:
        tried, left_out = _spared(tried, left_out, reopens)
    return Decision(
        tried,
        left_out,
        named.name,
        named.label,
        entries[0].policy,
        table.hash,
        route.rules.name if route is not None else None,
        failed,
        entries[0].fallbacks,
    )


def _satisfying(
    rules: RequirementRules,
    candidates: tuple[Deployment, ...],
    rejected: tuple[Rejection, ...],
    chat: ChatRequest,
    prospect: Prospect,
) -> tuple[tuple[Deployment, ...], tuple[Rejection, ...]]:
    """Without those that miss what only statistics or the request can tell."""
    reasons = {one.id: why for one in candidates if (why := missed_now(rules, one, chat, prospect)) is not None}
    kept = tuple(deployment for deployment in candidates if deployment.id not in reasons)
    return kept, (*rejected, *(Rejection(name, why) for name, why in reasons.items()))


def _spared(
    candidates: tuple[Deployment, ...], rejected: tuple[Rejection, ...], reopens: Reopens
) -> tuple[tuple[Deployment, ...], tuple[Rejection, ...]]:
    """Without those that are left alone; if all are, the one that reopens soonest is tried rather than nobody."""
    resting = {deployment.id: at for deployment in candidates if (at := reopens(deployment.id)) is not None}
    if not resting:
        return candidates, rejected
    awake = tuple(deployment for deployment in candidates if deployment.id not in resting)
    if not awake:
        awake = (min(candidates, key=lambda deployment: resting[deployment.id]),)
    asleep = [Rejection(name, "its circuit is open") for name in resting if all(name != one.id for one in awake)]
    return awake, (*rejected, *asleep)


def _context(table: RoutingTable, facts: Facts) -> object:
    """The facts that conditions read. Without them guards have nothing to judge by, so that nothing passes."""
    try:
        return facts.context(table.reads)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        if table.guards:
            message = "The conditions of this gateway's guards can't be evaluated for this request."
            raise Forbidden(message, code="denied_by_guard") from error
        return {}


def _route(
    table: RoutingTable, names: tuple[str, ...], dialect: str, context: object
) -> tuple[Route | None, tuple[str, ...]]:
    """The first route that matches, and those before it whose condition failed, which is false."""
    failed: list[str] = []
    for route in table.routes:
        if not route.concerns(names, dialect) or route.condition.reads & NOT_READ_YET:
            continue
        try:
            if route.condition.holds(context):
                return route, tuple(failed)
        except EvaluationError:
            failed.append(route.rules.name)
    return None, tuple(failed)


def _routed(table: RoutingTable, entry: ModelEntry, route: Route | None, provider: str | None) -> list[ModelEntry]:
    """The entries to choose from, in order. A provider that the caller pinned is not overridden."""
    if route is None or route.rules.route is None or provider is not None:
        return [entry]
    return [table.resolve(model) for model in route.rules.route]


def _variant(table: RoutingTable, entry: ModelEntry, dice: Dice, provider: str | None) -> ModelEntry:
    """One of an entry's variants by weight, or the entry itself when it has none that is served."""
    served = [variant for variant in entry.variants if variant.weight and variant.model in table.models]
    if not served:
        return entry
    steps = list(accumulate(variant.weight for variant in served))
    chosen = served[bisect_right(steps, dice() * steps[-1])]
    return table.resolve(chosen.model, provider)


def _narrowed(
    entries: list[ModelEntry], guards: list[Guard], facts: Facts, dice: Dice, snapshot: Snapshot
) -> tuple[list[Deployment], list[Rejection], list[Deployment]]:
    """Candidates in order, those left out with their reasons, and the drained ones that no guard objects to."""
    candidates: list[Deployment] = []
    rejected: list[Rejection] = []
    drained: list[Deployment] = []
    for entry in entries:
        prospect = Prospect(snapshot, entry.label, facts.request.principal.key_id)
        rejected += entry.rejected
        drained += [one for one in entry.drained if _objection(guards, entry, one, facts.chat, prospect) is None]
        for deployment in entry.order(facts.chat, dice, prospect):
            reason = _objection(guards, entry, deployment, facts.chat, prospect)
            if reason is None:
                candidates.append(deployment)
            else:
                rejected.append(Rejection(deployment.id, reason))
    return candidates, rejected, drained


def _objection(
    guards: list[Guard], entry: ModelEntry, deployment: Deployment, chat: ChatRequest, prospect: Prospect
) -> str | None:
    for guard in guards:
        reason = guard.objection(entry.name, deployment, chat, prospect)
        if reason is not None:
            return reason
    return missed_now(entry.required, deployment, chat, prospect) if entry.required is not None else None


def _nobody(
    model: str, rejected: tuple[Rejection, ...] | list[Rejection], drained: tuple[Deployment, ...] | list[Deployment]
) -> GatewayError:
    """Why there is nobody to try: 503 where waiting may help, 403 where it will not."""
    reasons = "; ".join(dict.fromkeys(f"{rejection.target_id}: {rejection.reason}" for rejection in rejected[:8]))
    shown = printable(model)
    if drained:
        return Unavailable(
            f"Every target of the model '{shown}' is drained. Try again later. ({reasons})",
            code="no_healthy_target",
            retry_after_s=5,
        )
    return Forbidden(f"No target may serve the model '{shown}': {reasons or 'it has none'}.", code="no_eligible_target")
