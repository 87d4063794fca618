"""A decision, told: which rule matched and where it stands, who is tried at what expected cost, who is not and why.

Two levels. A key's owner sees what concerns its request: targets, reasons, expected dollars and seconds. An operator
also sees what they were computed from, and the conditions. Credentials are in neither: nothing here holds one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.catalog.prices import NANO_PER_USD, Price
from gateway.errors import GatewayError, InvalidRequest, NotFound
from gateway.routing.abilities import needs_of
from gateway.routing.body import output_limit
from gateway.routing.candidates import OPENAI_CHAT, decide, wall_clock
from gateway.routing.decision import Decision
from gateway.routing.estimate import expected_nano, expected_output, expected_seconds
from gateway.routing.facts import CallerRequest
from gateway.routing.guards import Guard, Route
from gateway.routing.narrowing import Reopens
from gateway.routing.policies import Dice
from gateway.routing.suitability import count_input
from gateway.routing.table import RoutingTable
from gateway.stats.snapshot import NOTHING_KNOWN, Prospect, Snapshot, TargetStatistics

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explainer:
    """What all explanations of one moment have in common."""

    table: RoutingTable
    snapshot: Snapshot = NOTHING_KNOWN
    age_s: float | None = None
    """Of the statistics."""
    operator: bool = False

    def dry_run(
        self,
        chat: ChatRequest,
        request: CallerRequest,
        dice: Dice,
        *,
        dialect: str = OPENAI_CHAT,
        now: Callable[[], float] = wall_clock,
        reopens: Reopens | None = None,
    ) -> Told:
        """What would be done. Raises NotFound, and InvalidRequest where it is the request's form that is at fault."""
        try:
            decision = decide(
                self.table, chat, request, dice, dialect=dialect, now=now, snapshot=self.snapshot, reopens=reopens
            )
        except (InvalidRequest, NotFound) as error:
            if "rejected" not in error.metadata:
                raise
            return self.denied(error, chat, error.status_in(dialect))
        except GatewayError as error:
            return self.denied(error, chat, error.status_in(dialect))
        return self.decided(decision, chat, request)

    def decided(self, decision: Decision, chat: ChatRequest, request: CallerRequest) -> Told:
        """What was, or would be, done."""
        sent = decision.chat or chat
        prospect = Prospect(self.snapshot, decision.label, request.principal.key_id)
        output = expected_output(sent, prospect)
        told: Told = {
            **self._asked(chat),
            "decided": decision.model,
            "policy": self._policy(decision),
            "route": next((self._route(one) for one in self.table.routes if one.rules.name == decision.route), None),
            "guards": [self._guard(one) for one in self.table.guards if one.rules.name in decision.guards],
            "candidates": [self._candidate(one, sent, prospect, output) for one in decision.candidates],
            "rejected": [
                {"target": one.target_id, "reason": one.reason, "kind": str(one.kind)} for one in decision.rejected
            ],
            "fallbacks": {
                "on_error": list(decision.fallbacks.on_error),
                "on_context_overflow": list(decision.fallbacks.on_context_overflow),
                "on_refusal": list(decision.fallbacks.on_refusal),
            },
            "expected_output_tokens": output,
            "statistics_age_seconds": None if self.age_s is None else round(self.age_s, 3),
            "ignored": list(decision.ignored),
            "denied": None,
        }
        if decision.lowered_to is not None:
            told["max_tokens_lowered_to"] = decision.lowered_to
        if decision.failed_conditions:
            told["failed_conditions"] = list(decision.failed_conditions)
        return told

    def denied(self, error: GatewayError, chat: ChatRequest, status: int | None = None) -> Told:
        """Why nothing would be done."""
        rejected = error.metadata.get("rejected", [])
        told = {**self._asked(chat), "decided": None, "candidates": [], "rejected": rejected}
        guard = error.metadata.get("guard")
        denial: Told = {"status": status or error.status, "code": error.code, "message": error.message}
        if guard is not None:
            denial["guard"] = next((self._guard(one) for one in self.table.guards if one.rules.name == guard), guard)
        return {**told, "denied": denial}

    def _asked(self, chat: ChatRequest) -> Told:
        return {
            "object": "route.decision",
            "model": chat.model,
            "rules": self.table.hash,
            "input_tokens": count_input(chat),
            "max_tokens": output_limit(chat.body) or None,
            "needs": sorted(needs_of(chat.body)),
        }

    def _policy(self, decision: Decision) -> Told:
        rules = self.table.rules.policies.get(decision.policy)
        return {"name": decision.policy, "objective": rules.objective if rules is not None else decision.policy}

    def _route(self, route: Route) -> Told:
        told: Told = {"name": route.rules.name, "line": route.mark.line}
        return told | {"file": route.mark.file, "when": route.rules.when} if self.operator else told

    def _guard(self, guard: Guard) -> Told:
        told: Told = {"name": guard.rules.name, "line": guard.mark.line}
        return told | {"file": guard.mark.file, "when": guard.rules.when} if self.operator else told

    def _candidate(self, one: Deployment, chat: ChatRequest, prospect: Prospect, output: int) -> Told:
        nano, known = expected_nano(chat, one, output), prospect.of(one.id)
        seconds = expected_seconds(known, output)
        told: Told = {
            "target": one.id,
            "provider": one.target.provider,
            "expected_usd": None if nano is None else nano / NANO_PER_USD,
            "expected_seconds": None if seconds is None else round(seconds, 3),
        }
        if self.operator:
            told |= {
                "priority": one.priority,
                "weight": one.weight,
                "price": _price(one.price),
                "context_window": one.context_window,
                "data_policy": {
                    "trains": one.data_policy.trains,
                    "retains": one.data_policy.retains,
                    "region": one.data_policy.region,
                },
                "statistics": _statistics(known),
            }
        return told


def _price(price: Price | None) -> Mapping[str, Any] | None:
    """USD per million tokens, and per request."""
    if price is None:
        return None
    return {
        "input": price.input / NANO_PER_USD,
        "output": price.output / NANO_PER_USD,
        "request": price.request / NANO_PER_USD,
        "version": price.version,
    }


def _statistics(known: TargetStatistics | None) -> Mapping[str, Any] | None:
    if known is None:
        return None
    return {
        "ttft_p50": round(known.first_token_p50_s, 4),
        "ttft_p95": round(known.first_token_p95_s, 4),
        "ttft_p99": round(known.first_token_p99_s, 4),
        "tokens_per_second": None if not known.per_token_s else round(1.0 / known.per_token_s, 1),
        "observations": round(known.observations, 1),
    }
