"""A caller's preferences, applied to a model's targets: who stays out, who comes first, who comes last."""

from collections.abc import Iterator, Mapping

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.abilities import needs_of
from gateway.routing.decision import Kind, Rejection
from gateway.routing.entries import BY_COST, BY_LATENCY, BY_THROUGHPUT, ModelEntry
from gateway.routing.preferences import Preferences, is_openrouter, names_target
from gateway.routing.requirements import missed
from gateway.routing.schema.policies import PolicyRules, RequirementRules
from gateway.routing.suitability import is_answered_in_words
from gateway.stats.snapshot import Prospect, TargetStatistics

_SORTED_BY: Mapping[str, PolicyRules] = {"price": BY_COST, "throughput": BY_THROUGHPUT, "latency": BY_LATENCY}
_HARMLESS = frozenset({"model", "messages", "stream", "stream_options", "models", "provider", "user", "metadata"})


def eligible(entry: ModelEntry, asked: Preferences, chat: ChatRequest) -> ModelEntry:
    """The model's targets that the caller has no objection to, in the order that `sort` asks for."""
    needs = needs_of(chat.body) if asked.require_parameters and is_answered_in_words(chat) else frozenset()
    reasons = {
        one.id: Rejection(one.id, reason, Kind.PREFERENCE)
        for one in (*entry.deployments, *entry.drained)
        if (reason := next(_objections(one, entry, asked, chat, needs), None)) is not None
    }
    rules = None if asked.sort is None or asked.order else _SORTED_BY[asked.sort]
    return entry.without(reasons, rules) if reasons or rules is not None else entry


def ranked(
    candidates: tuple[Deployment, ...], entry: ModelEntry, asked: Preferences, prospect: Prospect
) -> tuple[tuple[Deployment, ...], tuple[Rejection, ...]]:
    """In the caller's order: those it names, then those that are fast enough; and whom it does not want after them."""
    if asked.max_latency or asked.min_throughput:
        candidates = tuple(sorted(candidates, key=lambda one: _is_slow(prospect.of(one.id), asked)))
    if asked.order:
        candidates = tuple(sorted(candidates, key=lambda one: _place(one, entry, asked)))
    if asked.allow_fallbacks or not candidates:
        return candidates, ()
    kept = [one for one in candidates if _is_first_choice(one, candidates[0], asked)]
    left = [one for one in candidates if one not in kept]
    reason = "provider.allow_fallbacks is false"
    return tuple(kept), tuple(Rejection(one.id, reason, Kind.PREFERENCE) for one in left)


def _objections(
    deployment: Deployment, entry: ModelEntry, asked: Preferences, chat: ChatRequest, needs: frozenset[str]
) -> Iterator[str]:
    quantization = entry.ability(deployment).quantization
    if asked.only is not None and not _is_named(asked.only, deployment, quantization, asked):
        yield "it is not in provider.only"
    if any(names_target(name, deployment.target, quantization) for name in asked.ignore):
        yield "it is in provider.ignore"
    if asked.order and not asked.allow_fallbacks and not _is_named(asked.order, deployment, quantization, asked):
        yield "it is not in provider.order, and provider.allow_fallbacks is false"
    policy = missed(RequirementRules(trains=asked.trains, retains=asked.retains), deployment)
    if policy is not None:
        yield policy
    if asked.quantizations is not None and (quantization or "unknown").lower() not in asked.quantizations:
        yield f"its quantization is {quantization or 'unknown'}"
    dear = _too_dear(deployment, asked)
    if dear is not None:
        yield dear
    if asked.require_parameters:
        yield from _untaken(deployment, entry, chat, needs)


def _is_named(names: tuple[str, ...], deployment: Deployment, quantization: str | None, asked: Preferences) -> bool:
    """OpenRouter stands for whoever this gateway does not know."""
    if any(names_target(name, deployment.target, quantization) for name in names):
        return True
    return is_openrouter(deployment.target) and any(name in asked.strangers for name in names)


def _too_dear(deployment: Deployment, asked: Preferences) -> str | None:
    if asked.max_price == (None, None, None):
        return None
    price = deployment.price
    if price is None:
        return "its price is unknown, so it is above provider.max_price"
    for ceiling, own in zip(asked.max_price, (price.input, price.output, price.request), strict=True):
        if ceiling is not None and own > ceiling:
            return "its price is above provider.max_price"
    return None


def _untaken(deployment: Deployment, entry: ModelEntry, chat: ChatRequest, needs: frozenset[str]) -> Iterator[str]:
    """`require_parameters`: what is not stated is not met; and no field may be left out on the way."""
    ability = entry.ability(deployment)
    if needs and ability.capabilities is None:
        yield f"whether it does {' and '.join(sorted(needs))} is not stated"
    lacking = ability.lacks(needs)
    if lacking is not None:
        yield lacking
    quirks = deployment.target.quirks
    left_out = (quirks.dropped | quirks.refused) & {name for name, value in chat.body.items() if value is not None}
    if left_out - _HARMLESS:
        yield f"it does not take {', '.join(sorted(left_out))}"


def _is_slow(known: TargetStatistics | None, asked: Preferences) -> bool:
    """One without history gets a chance to earn one."""
    if known is None:
        return False
    quantiles = {
        "p50": known.first_token_p50_s,
        "p75": known.first_token_p95_s,  # not kept: the next above stands for it
        "p90": known.first_token_p95_s,
        "p99": known.first_token_p99_s,
    }
    late = any(quantiles[name] > seconds for name, seconds in asked.max_latency)
    pace = known.per_token_s
    return late or (bool(pace) and any(1.0 / (pace or 1.0) < least for _, least in asked.min_throughput))


def _place(deployment: Deployment, entry: ModelEntry, asked: Preferences) -> int:
    quantization = entry.ability(deployment).quantization
    for index, name in enumerate(asked.order):
        if _is_named((name,), deployment, quantization, asked):
            return index
    return len(asked.order)


def _is_first_choice(one: Deployment, first: Deployment, asked: Preferences) -> bool:
    """In `order`, where it was given, which is looked at before; else at the same provider as the first."""
    return bool(asked.order) or one.target.provider == first.target.provider
