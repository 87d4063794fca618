"""What a model name leads to: its deployments, and how to put them in order. Made when the file is loaded.

Names under a wildcard and `provider/model` get their entry when they are first asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from backends.types import Clocks, Target
from gateway.catalog.deployments import Catalogue, DataPolicy, Deployment
from gateway.catalog.handling import Breaker, Handling, Hedge, Retry
from gateway.catalog.prices import Price
from gateway.routing.abilities import NOTHING_SAID, Ability, Need, watched
from gateway.routing.decision import NO_FALLBACKS, Fallbacks, Kind, Rejection
from gateway.routing.policies import ORDERS, Order, order_by
from gateway.routing.providers import ProviderState
from gateway.routing.requirements import missed, needs_statistics
from gateway.routing.rules import RoutingRules
from gateway.routing.schema.models import ModelRules, PriceRules, TargetRules
from gateway.routing.schema.policies import DefaultRules, PolicyRules, RequirementRules, RetryRules, TimeoutRules
from gateway.routing.schema.providers import DataPolicyRules

OTHER = "other"
"""Label of a model that no line of the file names: metrics must not grow with what callers think up."""
BY_PRIORITY = PolicyRules(objective="priority")
BY_COST = PolicyRules(objective="cost")
BY_THROUGHPUT = PolicyRules(objective="throughput")
BY_LATENCY = PolicyRules(objective="latency")


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several versions under a name."""

    weight: int
    model: str


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model as the request path sees it."""

    name: str
    """What it is called in the ledger and in explanations; under a wildcard the name asked for."""
    label: str
    """Its name in the routing file, for metrics; `other` for `provider/model`."""
    deployments: tuple[Deployment, ...] = ()
    """All that can be tried."""
    drained: tuple[Deployment, ...] = ()
    """Those that could be, but take no new requests."""
    rejected: tuple[Rejection, ...] = ()
    policy: str = "priority"
    order: Order = field(default=ORDERS["priority"](()), repr=False)
    variants: tuple[Variant, ...] = ()
    context_window: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] | None = None
    description: str | None = None
    hidden: bool = False
    fallbacks: Fallbacks = NO_FALLBACKS
    required: RequirementRules | None = None
    """What its policy requires of targets that only statistics or the request can tell."""
    rules: PolicyRules = field(default=BY_PRIORITY, repr=False)
    """The policy itself."""
    sticky: str | None = None
    """What keeps to the variant it was given: `key`, `user` or `conversation`."""
    abilities: Mapping[str, Ability] = field(default_factory=dict, repr=False)
    """What the file says of each target, by its id."""
    watched: tuple[Need, ...] = ()
    """What requests may need that some of its targets don't do."""
    smallest_window: int | None = None
    """The least context window among its deployments; None: none is known."""
    suited: dict[Any, "ModelEntry"] = field(default_factory=dict, repr=False, compare=False)
    """What is left of it for requests with certain needs, once somebody has asked."""

    def ability(self, deployment: Deployment) -> Ability:
        """What the file says of this target."""
        return self.abilities.get(deployment.id, NOTHING_SAID)

    def without(self, reasons: Mapping[str, Rejection], rules: PolicyRules | None = None) -> "ModelEntry":
        """The same model without these targets, in the order of another policy where one is given."""
        usable = tuple(one for one in self.deployments if one.id not in reasons)
        chosen = rules or self.rules
        return replace(
            self,
            deployments=usable,
            drained=tuple(one for one in self.drained if one.id not in reasons),
            rejected=(*self.rejected, *(left for name, left in reasons.items() if not self._is_drained(name))),
            order=order_by(chosen, usable),
            smallest_window=smallest_window(usable),
            suited={},
        )

    def _is_drained(self, name: str) -> bool:
        """That stands among the rejected already."""
        return any(one.id == name for one in self.drained)


def smallest_window(deployments: Sequence[Deployment]) -> int | None:
    """None: no window is known."""
    return min((one.context_window for one in deployments if one.context_window is not None), default=None)


_NOTHING_DECLARED: Mapping[str, Ability] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EntryMaker:
    """Makes entries from the rules in force."""

    rules: RoutingRules
    providers: Mapping[str, ProviderState]
    catalogue: Catalogue | None
    price_version: str

    def of_model(
        self,
        model: str,
        asked: str | None = None,
        *,
        policy: str | PolicyRules | None = None,
        provider: str | None = None,
    ) -> ModelEntry:
        """The entry of a model of the file. `asked` is the name under a wildcard; `provider` the one that is pinned."""
        rules = self.rules.models[model]
        policy_name, policy_rules = self.policy(policy if policy is not None else rules.policy)
        targets = [target for target in rules.targets or () if provider in (None, target.provider)]
        left_out: list[Rejection] = []
        deployments = [
            deployment
            for target in self._taking_part(targets, left_out)
            for deployment in self._deployments(target, rules, asked or model, policy_rules)
        ]
        entry = ModelEntry(
            name=asked or model,
            label=model,
            variants=tuple(Variant(rule.weight, rule.model) for rule in (rules.variants or {}).values()),
            context_window=rules.context_window or _largest(deployments),
            max_output=rules.max_output,
            capabilities=rules.capabilities,
            description=rules.description,
            hidden=rules.hidden,
            sticky=rules.sticky,
            fallbacks=Fallbacks(
                rules.fallbacks.on_error, rules.fallbacks.on_context_overflow, rules.fallbacks.on_refusal
            ),
        )
        abilities = {
            f"{target.provider}/{asked or model if target.model == '*' else target.model}": _ability(target, rules)
            for target in targets
        }
        return self._chosen(entry, deployments, left_out, policy_name, policy_rules, abilities)

    def of_provider(self, provider: ProviderState, model: str, *, policy: str | None = None) -> ModelEntry:
        """The entry of a provider's own model, which no line of the file names."""
        policy_name, policy_rules = self.policy(policy)
        target = TargetRules(provider=provider.name, model=model)
        left_out: list[Rejection] = []
        deployments = [
            deployment
            for target in self._taking_part([target], left_out)
            for deployment in self._deployments(target, _NO_MODEL, model, policy_rules)
        ]
        entry = ModelEntry(name=f"{provider.name}/{model}", label=OTHER, context_window=_largest(deployments))
        return self._chosen(entry, deployments, left_out, policy_name, policy_rules)

    def policy(self, chosen: str | PolicyRules | None) -> tuple[str, PolicyRules]:
        """A policy and its name."""
        name = chosen if chosen is not None else self.rules.defaults.policy
        if isinstance(name, PolicyRules):
            return name.objective, name
        return (name, self.rules.policies[name]) if name is not None else ("priority", BY_PRIORITY)

    def _chosen(
        self,
        entry: ModelEntry,
        deployments: list[Deployment],
        left_out: list[Rejection],
        name: str,
        policy: PolicyRules,
        abilities: Mapping[str, Ability] = _NOTHING_DECLARED,
    ) -> ModelEntry:
        """The entry with its deployments sorted into those that can be tried and those that can't."""
        usable: list[Deployment] = []
        drained: list[Deployment] = []
        for deployment in deployments:
            reason = missed(policy.require, deployment) if policy.require is not None else None
            if reason is not None:
                left_out.append(Rejection(deployment.id, f"policy '{name}': {reason}", Kind.POLICY))
            elif deployment.drained:
                left_out.append(Rejection(deployment.id, "drained", Kind.DRAINED))
                drained.append(deployment)
            else:
                usable.append(deployment)
        able = {one.id: abilities[_of_target(one)] for one in (*usable, *drained) if _of_target(one) in abilities}
        return replace(
            entry,
            deployments=tuple(usable),
            drained=tuple(drained),
            rejected=tuple(left_out),
            policy=name,
            order=order_by(policy, usable),
            required=policy.require if policy.require is not None and needs_statistics(policy.require) else None,
            rules=policy,
            abilities=able,
            watched=watched(able.values()),
            smallest_window=smallest_window(usable),
        )

    def _taking_part(self, targets: Sequence[TargetRules], left_out: list[Rejection]) -> Iterator[TargetRules]:
        """Targets whose provider is enabled; the sandbox only while no vLLM could answer instead."""
        own_cluster = any(self._is_enabled(target, "vllm") for target in targets)
        for target in targets:
            provider = self.providers[target.provider]
            if not provider.enabled:
                reason = f"provider '{provider.name}' is disabled: {provider.reason}"
                left_out.append(Rejection(f"{target.provider}/{target.model}", reason, Kind.PROVIDER))
            elif provider.name == "sandbox" and own_cluster:
                reason = "it stands in only while no vLLM endpoint is named"
                left_out.append(Rejection(f"{target.provider}/{target.model}", reason, Kind.PROVIDER))
            else:
                yield target

    def _is_enabled(self, target: TargetRules, protocol: str) -> bool:
        provider = self.providers[target.provider]
        return provider.enabled and provider.protocol == protocol

    def _deployments(
        self, target: TargetRules, model: ModelRules, asked: str, policy: PolicyRules
    ) -> Iterator[Deployment]:
        """One for each endpoint of the target's provider; they share the target's weight."""
        provider = self.providers[target.provider]
        upstream_model = asked if target.model == "*" else target.model
        window = target.context_window or model.context_window
        if window is None and self.catalogue is not None:
            window = self.catalogue.context_window(provider.name, upstream_model)
        live = [endpoint for endpoint in provider.endpoints if not endpoint.drained] or provider.endpoints
        for endpoint in provider.endpoints:
            yield Deployment(
                target=Target(
                    provider=provider.name,
                    protocol=provider.protocol,
                    model=upstream_model,
                    base_url=endpoint.url,
                    endpoint=endpoint.label,
                    api_key=provider.api_key,
                    headers=provider.headers,
                    quirks=provider.quirks,
                    api_version=provider.api_version,
                ),
                priority=target.priority,
                weight=target.weight * endpoint.weight / sum(other.weight for other in live),
                price=self._price(target, upstream_model),
                clocks=clocks(self.rules.defaults.timeouts, provider.timeouts, policy.timeouts),
                handling=handling(self.rules.defaults, provider.timeouts, policy),
                context_window=window,
                max_output=target.max_output or model.max_output,
                data_policy=_data_policy(self.rules.providers[provider.name].data_policy, target.data_policy),
                drained=endpoint.drained,
                capabilities=_ability(target, model).capabilities or frozenset(),
            )

    def _price(self, target: TargetRules, model: str) -> Price | None:
        """What the file says, else the catalogue. By the hour of the hardware only where a charge is fixed."""
        if target.charge is not None:
            return Price(input=target.charge.input, output=target.charge.output, version=self.price_version)
        if target.price is not None:
            return _token_price(target.price, self.price_version)
        return self.catalogue.price(target.provider, model) if self.catalogue is not None else None


_NO_MODEL = ModelRules(targets=(TargetRules(provider="none", model="none"),))
"""What a model says that the file does not name: nothing."""


def clocks(*rules: TimeoutRules) -> Clocks:
    """The clocks, from the widest place to the narrowest; each overrides those before it where it says something."""
    given: dict[str, float] = {}
    for place in rules:
        for name in place.model_fields_set - {"min_rate"}:
            value = getattr(place, name)
            if isinstance(value, float):  # `learned` keeps what stood before it
                given[f"{name}_s"] = value
    return Clocks(**given)


def handling(defaults: DefaultRules, provider: TimeoutRules, policy: PolicyRules) -> Handling:
    """How attempts are carried out: the policy's word, whole by whole, before the defaults'."""
    retry, breaker = policy.retry or defaults.retry, policy.circuit_breaker or defaults.circuit_breaker
    clocks_said = (policy.timeouts, provider, defaults.timeouts)
    return Handling(
        retry=_retry(retry) if retry is not None else Retry(),
        breaker=Breaker(breaker.failures, breaker.over, breaker.minimum, breaker.open_for) if breaker else Breaker(),
        mid_stream=policy.mid_stream or defaults.mid_stream or "continue",
        hedge=Hedge(policy.hedge.after, policy.hedge.max_share) if policy.hedge is not None else None,
        first_token_learned=next((each.first_token for each in clocks_said if each.first_token), None) == "learned",
        min_rate=next((each.min_rate for each in clocks_said if each.min_rate is not None), None) or None,
    )


def _retry(rules: RetryRules) -> Retry:
    return Retry(
        attempts=rules.attempts,
        retry_on=frozenset(rules.retry_on),
        initial_s=rules.backoff.initial,
        max_s=rules.backoff.max,
        budget_share=rules.budget.percent / 100,
        budget_per_second=rules.budget.min_per_second,
    )


def _token_price(rules: PriceRules, version: str) -> Price | None:
    if rules.input is None or rules.output is None:
        return None
    return Price(
        input=rules.input,
        output=rules.output,
        cached_input=rules.cached_input,
        cache_write=rules.cache_write,
        reasoning=rules.reasoning,
        request=rules.request or 0,
        version=version,
    )


def _data_policy(of_provider: DataPolicyRules, of_target: DataPolicyRules | None) -> DataPolicy:
    """The target's word, field by field, before the provider's."""
    said = of_provider.model_dump() | (of_target.model_dump(exclude_unset=True) if of_target else {})
    return DataPolicy(**said)


def _largest(deployments: Sequence[Deployment]) -> int | None:
    return max((deployment.context_window or 0 for deployment in deployments), default=0) or None


def _ability(target: TargetRules, model: ModelRules) -> Ability:
    return Ability(_declared(target, model), target.quantization)


def _declared(target: TargetRules, model: ModelRules) -> frozenset[str] | None:
    """The target's word before the model's; None: neither says anything."""
    declared = target.capabilities if target.capabilities is not None else model.capabilities
    return None if declared is None else frozenset(declared)


def _of_target(deployment: Deployment) -> str:
    return f"{deployment.target.provider}/{deployment.target.model}"
