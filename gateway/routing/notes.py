"""What an operator should know of a file that loads: which of its parts have no effect in this version."""

from collections.abc import Iterator, Sequence

from gateway.routing.conditions import NOT_READ_YET
from gateway.routing.guards import Route
from gateway.routing.problems import show_path
from gateway.routing.rules import RoutingRules
from gateway.routing.schema.models import ModelRules, TargetRules
from gateway.routing.schema.policies import PolicyRules
from gateway.routing.schema.providers import ProviderRules

_SHOWN = 40


def notes_on(rules: RoutingRules, routes: Sequence[Route]) -> tuple[str, ...]:
    """One line each; the first names all parts without effect."""
    idle = sorted(set(_idle(rules)))
    notes = []
    if idle:
        more = f" and {len(idle) - _SHOWN} more" if len(idle) > _SHOWN else ""
        notes.append(f"without effect in this version: {', '.join(idle[:_SHOWN])}{more}")
    notes += _prices(rules)
    notes += _variants(rules)
    for route in routes:
        unread = sorted(route.condition.reads & NOT_READ_YET)
        if unread:
            notes.append(f"route '{route.rules.name}' never matches: {', '.join(unread)} can't be read yet")
    return tuple(notes)


def _idle(rules: RoutingRules) -> Iterator[str]:
    for name, provider in rules.providers.items():
        yield from _idle_in_provider(show_path(("providers", name)), provider)
    for name, model in rules.models.items():
        yield from _idle_in_model(show_path(("models", name)), model)
    for name, policy in rules.policies.items():
        yield from _idle_in_policy(show_path(("policies", name)), policy)
    for index, route in enumerate(rules.routes):
        if route.priority is not None:
            yield f"routes[{index}].priority"
    if rules.content_log is not None:
        yield "content_log"


def _idle_in_provider(where: str, provider: ProviderRules) -> Iterator[str]:
    if provider.limits is not None:
        yield f"{where}.limits"
    if provider.credentials is not None and provider.credentials.teams:
        yield f"{where}.credentials.teams"


def _idle_in_model(where: str, model: ModelRules) -> Iterator[str]:
    if isinstance(model.policy, PolicyRules):
        yield from _idle_in_policy(f"{where}.policy", model.policy)
    for index, target in enumerate(model.targets or ()):
        yield from _idle_in_target(f"{where}.targets[{index}]", target)


def _idle_in_target(where: str, target: TargetRules) -> Iterator[str]:
    if target.limits is not None:
        yield f"{where}.limits"
    if target.price is not None:
        for name in ("image", "audio_input", "audio_output", "above", "from_"):
            if getattr(target.price, name):
                yield f"{where}.price.{name.rstrip('_')}"


def _idle_in_policy(where: str, policy: PolicyRules) -> Iterator[str]:
    if policy.spill is not None:
        yield f"{where}.spill"
    if policy.affinity not in (None, "none"):
        yield f"{where}.affinity"


def _prices(rules: RoutingRules) -> Iterator[str]:
    for name, model in rules.models.items():
        for index, target in enumerate(model.targets or ()):
            if target.price is not None and target.price.gpu_hour is not None and target.charge is None:
                where = show_path(("models", name, "targets", index))
                yield f"{where}: by gpu_hour alone the price of a token is unknown; give charge: {{input, output}}"


def _variants(rules: RoutingRules) -> Iterator[str]:
    for name, model in rules.models.items():
        for variant, rule in (model.variants or {}).items():
            if ":" in rule.model and rule.model not in rules.models:
                where = show_path(("models", name, "variants", variant))
                yield f"{where} is left out: LoRA adapters are not served yet"
