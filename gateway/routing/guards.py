"""Guards, compiled: they may deny a request or narrow its targets, and an error in one denies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.errors import Forbidden
from gateway.routing.conditions import Condition, EvaluationError
from gateway.routing.names import matches
from gateway.routing.problems import Mark
from gateway.routing.requirements import missed, missed_now
from gateway.routing.schema.guards import GuardRules, RouteRules, ScopeRules
from gateway.stats.snapshot import Prospect


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard and its condition."""

    rules: GuardRules
    condition: Condition
    mark: Mark
    """Its place in the file."""

    def concerns(self, names: Sequence[str]) -> bool:
        """Whether it looks at requests for a model of one of these names."""
        return _covers(self.rules.models, names)

    def applies(self, context: Any) -> bool:
        """Whether it matches. Raises Forbidden when it denies, or when that can't be told."""
        try:
            holds = self.condition.holds(context)
        except EvaluationError as error:
            raise self._denial(f"The guard '{self.rules.name}' can't be evaluated for this request.") from error
        if holds and self.rules.deny is not None:
            raise self._denial(f"{self.rules.deny} (guard '{self.rules.name}')")
        return holds

    def _denial(self, message: str) -> Forbidden:
        return Forbidden(message, code="denied_by_guard", metadata={"guard": self.rules.name})

    def objection(self, model: str, deployment: Deployment, chat: ChatRequest, prospect: Prospect) -> str | None:
        """Why it leaves a target out; None: it does not."""
        rules = self.rules
        if rules.only is not None and not _in_scope(rules.only, model, deployment):
            return f"guard '{rules.name}'"
        if rules.except_ is not None and _excepted(rules.except_, model, deployment):
            return f"guard '{rules.name}'"
        if rules.require is not None:
            reason = missed(rules.require, deployment) or missed_now(rules.require, deployment, chat, prospect)
            return f"guard '{rules.name}': {reason}" if reason else None
        return None


@dataclass(frozen=True, slots=True)
class Route:
    """A route and its condition."""

    rules: RouteRules
    condition: Condition
    mark: Mark
    """Its place in the file."""

    def concerns(self, names: Sequence[str], dialect: str) -> bool:
        """Whether it looks at such a request."""
        return _covers(self.rules.models, names) and (self.rules.dialects is None or dialect in self.rules.dialects)


def _covers(models: Sequence[str] | None, names: Sequence[str]) -> bool:
    return models is None or any(matches(name, model) for model in models for name in names)


def _in_scope(scope: ScopeRules, model: str, deployment: Deployment) -> bool:
    """`only`: everything that is named must fit; an unknown region does not."""
    return (
        (scope.providers is None or deployment.target.provider in scope.providers)
        and (scope.models is None or any(matches(model, name) for name in scope.models))
        and (scope.regions is None or deployment.data_policy.region in scope.regions)
    )


def _excepted(scope: ScopeRules, model: str, deployment: Deployment) -> bool:
    """`except`: all that is named must fit; in doubt it does (the upstream's name of the model, an unknown region)."""
    region = deployment.data_policy.region
    names = (model, deployment.target.model)
    return (
        (scope.providers is None or deployment.target.provider in scope.providers)
        and (scope.models is None or any(matches(own, name) for name in scope.models for own in names))
        and (scope.regions is None or region is None or region in scope.regions)
    )
