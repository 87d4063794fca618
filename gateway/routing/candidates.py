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
from gateway.routing.table import RoutingTable

OPENAI_CHAT = "openai_chat"


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
) -> Decision:
    """Who is to be tried. Raises NotFound, Forbidden (`model_not_allowed`, `denied_by_guard`, `no_eligible_target`)
    and Unavailable (`no_healthy_target`)."""
    entry = table.resolve(chat.model, request.provider)
    may_use = request.principal.may_use
    if not may_use(chat.model) and not any(map(may_use, table.names_of(chat.model, entry))):
        raise Forbidden(
            f"This key may not use the model '{printable(chat.model)}'. GET /v1/models lists those it may use.",
            code="model_not_allowed",
            param="model",
        )
    if table.guards or table.routes or entry.variants:
        return _decide_with_rules(
            table, entry, Facts(chat, request, dialect, tuple(table.rules.tags), now, table.zone), dice
        )
    if not entry.deployments:
        raise _nobody(entry.name, entry.rejected, entry.drained)
    return Decision(entry.order(chat, dice), entry.rejected, entry.name, entry.label, entry.policy, table.hash)


def _decide_with_rules(table: RoutingTable, entry: ModelEntry, facts: Facts, dice: Dice) -> Decision:
    context = _context(table, facts)
    asked = table.names_of(facts.chat.model, entry)
    route, failed = _route(table, asked, facts.dialect, context)
    provider = facts.request.provider
    entries = [_variant(table, chosen, dice, provider) for chosen in _routed(table, entry, route, provider)]
    if route is not None and route.rules.policy is not None:
        entries = [table.under_policy(chosen, route.rules.policy, provider) for chosen in entries]
    names = tuple(dict.fromkeys((*asked, *(chosen.name for chosen in entries))))
    guards = [guard for guard in table.guards if guard.concerns(names) and guard.applies(context)]
    candidates, rejected, drained = _narrowed(entries, guards, facts.chat, dice)
    # A variant is reported under the name that was asked for; a routed request under the model it was routed to.
    named = entry if entry.variants and (route is None or route.rules.route is None) else entries[0]
    if not candidates:
        raise _nobody(named.name, rejected, drained)
    return Decision(
        tuple(candidates),
        tuple(rejected),
        named.name,
        named.label,
        entries[0].policy,
        table.hash,
        route.rules.name if route is not None else None,
        failed,
    )


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
    entries: list[ModelEntry], guards: list[Guard], chat: ChatRequest, dice: Dice
) -> tuple[list[Deployment], list[Rejection], list[Deployment]]:
    """Candidates in order, those left out with their reasons, and the drained ones that no guard objects to."""
    candidates: list[Deployment] = []
    rejected: list[Rejection] = []
    drained: list[Deployment] = []
    for entry in entries:
        rejected += entry.rejected
        drained += [deployment for deployment in entry.drained if _objection(guards, entry.name, deployment) is None]
        for deployment in entry.order(chat, dice):
            reason = _objection(guards, entry.name, deployment)
            if reason is None:
                candidates.append(deployment)
            else:
                rejected.append(Rejection(deployment.id, reason))
    return candidates, rejected, drained


def _objection(guards: list[Guard], model: str, deployment: Deployment) -> str | None:
    for guard in guards:
        reason = guard.objection(model, deployment)
        if reason is not None:
            return reason
    return None


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
