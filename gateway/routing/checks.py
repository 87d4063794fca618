"""What is probably a mistake in a file that loads: told at load and by `headrace rules check`, one line each.

Only what can be known for certain from the file is said; a condition that merely looks odd is nobody's business.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import cel

from gateway.catalog.deployments import Deployment
from gateway.routing.abilities import KNOWN_CAPABILITIES
from gateway.routing.conditions import NOT_READ_YET, EvaluationError
from gateway.routing.decision import Kind
from gateway.routing.entries import BY_PRIORITY, EntryMaker, ModelEntry
from gateway.routing.guards import Route
from gateway.routing.names import is_wildcard, matches
from gateway.routing.problems import nearest
from gateway.routing.requirements import missed
from gateway.routing.rules import RoutingRules
from gateway.routing.schema.policies import RequirementRules

Entries = Mapping[str, ModelEntry]
_BY_PRICE = ("cost", "balanced")


def checks(
    rules: RoutingRules, entries: Entries, routes: Sequence[Route], maker: EntryMaker, place: Callable[[str, str], int]
) -> Iterator[str]:
    """All of them. `place`: the line of a section's entry."""
    yield from _unreachable(routes)
    yield from _loops(rules, entries, place)
    yield from _promises(rules, entries, place)
    yield from _capabilities(rules)
    yield from _unknown_prices(entries, maker, place)
    yield from _unsatisfiable(rules, entries, maker, place)


# Routes that never decide


def _unreachable(routes: Sequence[Route]) -> Iterator[str]:
    for index, route in enumerate(routes):
        where = f"route '{route.rules.name}' (line {route.mark.line})"
        if _constant(route) is False:
            yield f"{where} is never reached: its condition is always false"
            continue
        earlier = next((one for one in routes[:index] if _covers(one, route)), None)
        if earlier is not None:
            before = f"'{earlier.rules.name}' (line {earlier.mark.line})"
            yield f"{where} is never reached: {before} always matches before it"


def _constant(route: Route) -> bool | None:
    """Of a condition that reads nothing."""
    if route.condition.reads:
        return None
    try:
        return route.condition.holds(cel.Context(variables={}))
    except EvaluationError:
        return False


def _covers(earlier: Route, later: Route) -> bool:
    """Whether the earlier route matches whatever the later one would."""
    if earlier.condition.reads & NOT_READ_YET:
        return False
    scope = earlier.rules.dialects is None or (
        later.rules.dialects is not None and set(later.rules.dialects) <= set(earlier.rules.dialects)
    )
    if not scope or not _covers_models(earlier.rules.models, later.rules.models):
        return False
    return _constant(earlier) is True or _conjuncts(earlier.rules.when) <= _conjuncts(later.rules.when)


def _covers_models(earlier: Sequence[str] | None, later: Sequence[str] | None) -> bool:
    if earlier is None:
        return True
    return later is not None and all(
        any(name == model or (is_wildcard(name) and matches(model, name)) for name in earlier) for model in later
    )


def _conjuncts(condition: str) -> frozenset[str]:
    """`a && b` → both; what is bracketed or quoted is not looked into, and what binds looser is one of its own."""
    text = " ".join(condition.split())
    parts, depth, quote, start = [], 0, "", 0
    for index, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and text[index - 1] != "\\" else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif not depth and (sign == "?" or text[index : index + 2] == "||"):
            return frozenset({text})
        elif not depth and text[index : index + 2] == "&&":
            parts.append(text[start:index])
            start = index + 2
    return frozenset(part.strip() for part in (*parts, text[start:]))


# Models that lead in a circle


def _loops(rules: RoutingRules, entries: Entries, place: Callable[[str, str], int]) -> Iterator[str]:
    told: set[frozenset[str]] = set()
    for name in entries:
        circle = _circle(name, rules)
        if circle is not None and frozenset(circle) not in told:
            told.add(frozenset(circle))
            way = " → ".join((*circle, circle[0]))
            yield f"model '{name}' (line {place('models', name)}): its fallbacks lead in a circle: {way}"


def _circle(start: str, rules: RoutingRules) -> tuple[str, ...] | None:
    """A way from a model back to it along fallbacks of one kind."""
    for kind in ("on_error", "on_context_overflow", "on_refusal"):
        found = _way_back(start, kind, rules)
        if found is not None:
            return found
    return None


def _way_back(start: str, kind: str, rules: RoutingRules) -> tuple[str, ...] | None:
    waiting: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while waiting:
        way = waiting.pop()
        model = rules.models.get(way[-1])
        for other in getattr(model.fallbacks, kind) if model is not None else ():
            name = rules.aliases.get(other, other)
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                waiting.append((*way, name))
    return None


# Targets that don't keep what their model promises


def _promises(rules: RoutingRules, entries: Entries, place: Callable[[str, str], int]) -> Iterator[str]:
    for name, entry in entries.items():
        promised = frozenset(rules.models[name].capabilities or ())
        where = f"model '{name}' (line {place('models', name)})"
        for one in (*entry.deployments, *entry.drained):
            declared = entry.ability(one).capabilities
            lacking = sorted(promised - declared) if declared is not None else []
            lacking += _refused(one, promised)
            if lacking:
                yield f"{where}: its target {one.id} does not do {', '.join(dict.fromkeys(lacking))}, which it promises"
            window = rules.models[name].context_window
            if window is not None and one.context_window is not None and one.context_window < window:
                yield f"{where}: its target {one.id} reads {one.context_window} tokens, and it promises {window}"


def _refused(one: Deployment, promised: frozenset[str]) -> list[str]:
    """What the provider is known not to take."""
    quirks = one.target.quirks
    untaken = quirks.refused | quirks.dropped
    by_field = [name for name in ("tools", "n", "logprobs") if name in promised and name in untaken]
    return by_field + (["json_schema"] if "json_schema" in promised and not quirks.json_schema else [])


def _capabilities(rules: RoutingRules) -> Iterator[str]:
    named = {
        word
        for model in rules.models.values()
        for words in (model.capabilities, *(target.capabilities for target in model.targets or ()))
        for word in words or ()
    }
    for word in sorted(named - KNOWN_CAPABILITIES):
        near = nearest(word, KNOWN_CAPABILITIES)
        hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(sorted(KNOWN_CAPABILITIES))}"
        yield f"capability '{word}' is nothing that a request can need; {hint}"


# Prices and policies


def _unknown_prices(entries: Entries, maker: EntryMaker, place: Callable[[str, str], int]) -> Iterator[str]:
    """By cost, a target without a price comes last, whatever it costs."""
    for name, entry in entries.items():
        if entry.rules.objective not in _BY_PRICE or is_wildcard(name):
            continue
        unknown = [one.id for one in entry.deployments if one.price is None and _is_final(one, maker)]
        if unknown:
            yield (
                f"model '{name}' (line {place('models', name)}): by {entry.rules.objective} "
                f"{', '.join(unknown)} come{'s' if len(unknown) == 1 else ''} last, since the price is unknown; "
                "give price or charge: {input, output}"
            )


def _is_final(one: Deployment, maker: EntryMaker) -> bool:
    """Whether nobody else could know the price: a catalogue that was not loaded might."""
    return maker.catalogue is not None or maker.rules.providers[one.target.provider].base_url is not None


def _unsatisfiable(
    rules: RoutingRules, entries: Entries, maker: EntryMaker, place: Callable[[str, str], int]
) -> Iterator[str]:
    for name, entry in entries.items():
        left = {one.kind for one in entry.rejected}
        if not entry.deployments and left == {Kind.POLICY}:
            yield f"model '{name}' (line {place('models', name)}): no target of it satisfies policy '{entry.policy}'"
    everyone = _everyone(rules, maker)
    for name, policy in rules.policies.items():
        if _satisfied_by_nobody(policy.require, everyone):
            yield f"policy '{name}' (line {place('policies', name)}): no target in this file satisfies it"
    for index, guard in enumerate(rules.guards):
        if _satisfied_by_nobody(guard.require, everyone):
            yield f"guard '{guard.name}' (guards[{index}]): no target in this file satisfies what it requires"


def _everyone(rules: RoutingRules, maker: EntryMaker) -> list[Deployment]:
    """All targets, whatever their model's policy says; nobody, where some provider is disabled and so unknown."""
    if not all(
        maker.providers[target.provider].enabled for model in rules.models.values() for target in model.targets or ()
    ):
        return []
    entries = [maker.of_model(name, policy=BY_PRIORITY) for name in rules.models]
    return [one for entry in entries for one in (*entry.deployments, *entry.drained)]


def _satisfied_by_nobody(required: RequirementRules | None, everyone: Sequence[Deployment]) -> bool:
    return required is not None and bool(everyone) and all(missed(required, one) is not None for one in everyone)
