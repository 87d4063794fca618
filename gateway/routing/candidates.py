"""One request + the table → the targets to try, in order. Runs for every request: what can be known at load is known.

Without guards, routes, variants and wishes it is a look-up and an ordering. Clock and dice are arguments.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from backends.types import BYTES_PER_TOKEN, ChatRequest
from gateway.errors import Forbidden, GatewayError
from gateway.routing.body import output_limit
from gateway.routing.conditions import NOT_READ_YET, EvaluationError
from gateway.routing.decision import Decision, Fallbacks, Kind, Rejection
from gateway.routing.entries import ModelEntry
from gateway.routing.facts import CallerRequest, Facts
from gateway.routing.guards import Guard, Route
from gateway.routing.narrowing import Left, Reopens, fitting, left_of, satisfying, spared
from gateway.routing.nobody import NobodyLeft
from gateway.routing.policies import Dice
from gateway.routing.preferences import Preferences, fields_of, is_openrouter, read_preferences
from gateway.routing.problems import printable
from gateway.routing.rewriting import limited, without_fields
from gateway.routing.suitability import suited
from gateway.routing.table import RoutingTable
from gateway.routing.variants import chosen
from gateway.stats.snapshot import NOTHING_KNOWN, Prospect, Snapshot

OPENAI_CHAT = "openai_chat"
MOST_MODELS = 8
"""Models that are looked at when nobody serves the one asked for."""


def wall_clock() -> float:
    """Epoch seconds."""
    return datetime.now(UTC).timestamp()


class Question(NamedTuple):
    """Everything that a decision depends on, but for the request and the model."""

    table: RoutingTable
    request: CallerRequest
    dialect: str
    dice: Dice
    now: Callable[[], float]
    snapshot: Snapshot
    reopens: Reopens | None


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
    """Who is to be tried. Raises NotFound, InvalidRequest (`context_length_exceeded`, or what nobody can be asked),
    Forbidden (`model_not_allowed`, `denied_by_guard`, `no_eligible_target`) and Unavailable (`no_healthy_target`).

    `reopens`: when a target that is left alone may be tried again; None: all are well. `instead`: the model that the
    file names in place of the one asked for, which needs no leave of the key's.
    """
    entry = table.resolve(instead or chat.model, request.provider)
    may_use = request.principal.may_use
    if instead is None and not may_use(chat.model) and not _may_use(table, chat.model, entry, request):
        raise Forbidden(
            f"This key may not use the model '{printable(chat.model)}'. GET /v1/models lists those it may use.",
            code="model_not_allowed",
            param="model",
        )
    fields = chat.body if chat.native is None else chat.native
    try:
        if table.guards or table.routes or entry.variants or "provider" in fields or "models" in fields:
            question = Question(table, request, dialect, dice, now, snapshot, reopens)
            return _decided_with_rules(question, chat, entry, routed=instead is not None)
        return _decided_plainly(
            table, chat, entry, Prospect(snapshot, entry.label, request.principal.key_id), dice, reopens
        )
    except NobodyLeft as left:
        if instead is not None:
            raise left.told() from None
        return _elsewhere(Question(table, request, dialect, dice, now, snapshot, reopens), chat, left)


def _decided_plainly(
    table: RoutingTable,
    chat: ChatRequest,
    entry: ModelEntry,
    prospect: Prospect,
    dice: Dice,
    reopens: Reopens | None,
) -> Decision:
    """Without guards, routes, variants and wishes, as most requests are."""
    suitable = suited(entry, chat) if entry.watched or chat.dialect != OPENAI_CHAT else entry
    candidates, rejected = suitable.order(chat, dice, prospect), suitable.rejected
    if entry.required is not None:
        candidates, rejected = satisfying(entry, candidates, rejected, chat, prospect)
    window = suitable.smallest_window
    if window is not None and len(chat.raw) // BYTES_PER_TOKEN + output_limit(chat.body) > window:
        candidates, rejected = fitting(chat, candidates, rejected)
    if not candidates:
        raise NobodyLeft(entry.name, chat, rejected, suitable.drained, entry.fallbacks, entry.deployments)
    if reopens is not None:
        candidates, rejected = spared(candidates, rejected, reopens)
    return Decision(candidates, rejected, entry.name, entry.label, entry.policy, table.hash, None, (), entry.fallbacks)


def _decided(question: Question, chat: ChatRequest, model: str) -> Decision:
    """For another model than the one asked for."""
    table, request = question.table, question.request
    entry = table.resolve(model, request.provider)
    fields = fields_of(chat)
    if table.guards or table.routes or entry.variants or "provider" in fields or "models" in fields:
        return _decided_with_rules(question, chat, entry, routed=True)
    prospect = Prospect(question.snapshot, entry.label, request.principal.key_id)
    return _decided_plainly(table, chat, entry, prospect, question.dice, question.reopens)


def _may_use(table: RoutingTable, model: str, entry: ModelEntry, request: CallerRequest) -> bool:
    """By any of the names that lead to it."""
    may_use = request.principal.may_use
    return may_use(model) or any(map(may_use, table.names_of(model, entry)))


def _elsewhere(question: Question, chat: ChatRequest, left: NobodyLeft) -> Decision:
    """A model that the file, or the caller, names for when nobody serves this one. Raises what is to be told."""
    first, waiting, visited = left, list(left.others), {left.model}
    rejected = left.rejected
    while waiting and len(visited) < MOST_MODELS:
        model = waiting.pop(0)
        if model in visited:
            continue
        visited.add(model)
        try:
            decision = _decided(question, chat, model)
        except NobodyLeft as also:
            rejected += also.rejected
            waiting += also.others
        except GatewayError:  # a guard denies it, or the key of a caller's own model has gone
            continue
        else:
            out = Rejection(first.model, "nobody serves it: see its targets", Kind.MODEL)
            return decision._replace(rejected=(*decision.rejected, out, *rejected))
    raise first.told()


def _decided_with_rules(question: Question, chat: ChatRequest, entry: ModelEntry, *, routed: bool) -> Decision:
    """`routed`: the model has been chosen; guards still have their say."""
    table, request, snapshot = question.table, question.request, question.snapshot
    asked, sent = _asked(question, chat)
    facts = Facts(sent, request, question.dialect, tuple(table.rules.tags), question.now, table.zone)
    context = _context(table, facts)
    names = table.names_of(chat.model, entry)
    route, failed = (None, ()) if routed else _route(table, names, question.dialect, context)
    entries = _entries(question, sent, entry, route)
    names = tuple(dict.fromkeys((*names, *(one.name for one in entries))))
    guards = [guard for guard in table.guards if guard.concerns(names) and guard.applies(context)]
    capped = _capped(sent, guards)
    sent = capped or sent
    parts = [
        left_of(one, sent, guards, asked, question.dice, Prospect(snapshot, one.label, request.principal.key_id))
        for one in entries
    ]
    candidates, rejected, drained = _together(parts)
    # A variant is reported under the name that was asked for; a routed request under the model it was routed to.
    named = entry if entry.variants and (route is None or route.rules.route is None) else entries[0]
    fallbacks, ignored = _fallbacks(question, entries[0].fallbacks, asked)
    if not candidates:
        everyone = [one for each in entries for one in each.deployments]
        raise NobodyLeft(named.name, sent, rejected, drained, fallbacks, everyone)
    if question.reopens is not None:
        candidates, rejected = spared(candidates, rejected, question.reopens)
    if asked is not None and asked.strangers and not any(is_openrouter(one.target) for one in candidates):
        ignored += ("provider.order",) if asked.order else ()
    return Decision(
        candidates,
        rejected,
        named.name,
        named.label,
        entries[0].policy,
        table.hash,
        route.rules.name if route is not None else None,
        failed,
        fallbacks,
        tuple(guard.rules.name for guard in guards),
        None if sent is chat else sent,
        None if capped is None else output_limit(capped.body),
        asked,
        ignored,
    )


def _asked(question: Question, chat: ChatRequest) -> tuple[Preferences | None, ChatRequest]:
    """What the caller asks of targets, and the request without it."""
    fields = fields_of(chat)
    if "provider" not in fields and "models" not in fields:
        return None, chat
    providers, pinned = question.table.providers, question.request.provider
    return read_preferences(fields, providers, pinned), without_fields(chat)


def _fallbacks(question: Question, own: Fallbacks, asked: Preferences | None) -> tuple[Fallbacks, tuple[str, ...]]:
    """The caller's other models before the file's, whatever went wrong; and what is told of those it may not use."""
    if asked is None:
        return own, ()
    table, request = question.table, question.request
    allowed: list[str] = []
    for model in asked.models:
        try:
            entry = table.resolve(model, request.provider)
        except GatewayError:
            continue
        if _may_use(table, model, entry, request):
            allowed.append(model)
    ignored = asked.ignored if len(allowed) == len(asked.models) else (*asked.ignored, "models")
    before = tuple(allowed)
    return (
        Fallbacks((*before, *own.on_error), (*before, *own.on_context_overflow), (*before, *own.on_refusal)),
        ignored,
    )


def _capped(chat: ChatRequest, guards: Sequence[Guard]) -> ChatRequest | None:
    """With the least of the guards' output limits; None: it asks for no more."""
    most = min((guard.rules.max_tokens for guard in guards if guard.rules.max_tokens is not None), default=None)
    return None if most is None else limited(chat, most)


def _together(parts: Sequence[Left]) -> Left:
    return Left(
        tuple(one for part in parts for one in part.candidates),
        tuple(one for part in parts for one in part.rejected),
        tuple(one for part in parts for one in part.drained),
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


def _entries(question: Question, chat: ChatRequest, entry: ModelEntry, route: Route | None) -> list[ModelEntry]:
    """The models to choose from, in order. A provider that the caller pinned is not overridden."""
    table, provider = question.table, question.request.provider
    if route is None or route.rules.route is None or provider is not None:
        routed = [entry]
    else:
        routed = [table.resolve(model) for model in route.rules.route]
    entries = [_variant(question, chat, one) for one in routed]
    if route is None or route.rules.policy is None:
        return entries
    return [table.under_policy(one, route.rules.policy, provider) for one in entries]


def _variant(question: Question, chat: ChatRequest, entry: ModelEntry) -> ModelEntry:
    """One of an entry's variants, or the entry itself when it has none that is served."""
    table, request = question.table, question.request
    served = [variant for variant in entry.variants if variant.weight and variant.model in table.models]
    if not served:
        return entry
    return table.resolve(chosen(entry, served, chat, request, question.dice), request.provider)
