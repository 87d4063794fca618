"""The story of one request on one screen: decode, decide, dispatch; each attempt is settled where it ends."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from structlog.typing import FilteringBoundLogger

from backends.types import ChatRequest
from gateway.conversations import Conversations
from gateway.dialects.base import Dialect
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dispatch.attempt import Equipment
from gateway.dispatch.call import Call
from gateway.dispatch.failover import dispatch
from gateway.dispatch.itinerary import Itinerary
from gateway.door import ClientLeft, Request, Responder
from gateway.errors import GatewayError, Internal
from gateway.limits.admission import Admission
from gateway.limits.bound import expected_tokens
from gateway.limits.refusals import Refusal
from gateway.limits.ticket import Ticket
from gateway.log import OncePerMinute, get
from gateway.routing.brief import in_a_header
from gateway.routing.candidates import decide
from gateway.routing.decision import Decision
from gateway.routing.explain import Explainer
from gateway.routing.table import RoutingTable
from gateway.wishes import read_wishes


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a request passes through. Made once per worker; the table is asked for anew by each request."""

    table: Callable[[], RoutingTable]
    equipment: Equipment
    access_log: Callable[[Mapping[str, Any]], None]
    conversations: Conversations | None = None
    """None: the Responses API has no memory here."""
    dice: Callable[[], float] = random.random
    log: FilteringBoundLogger = field(default_factory=lambda: get("pipeline"))
    rarely: OncePerMinute = field(default_factory=OncePerMinute)

    async def run(self, request: Request, responder: Responder, dialect: Dialect) -> None:
        """Answer one request whole, errors included. Only cancellation and the caller's leaving come out."""
        call: Call | None = None
        status, outcome, refused = 200, "ok", False
        admission = self.equipment.admission
        try:
            if isinstance(dialect, OpenAIResponses) and self.conversations is not None:  # the one with a memory
                dialect, responder = await self.conversations.join(request, responder, dialect)
            call = self._decided(request, responder, dialect)
            if admission is not None:
                call.ticket = await self._admitted(admission, call)
            await dispatch(call, self.equipment)
        except GatewayError as error:
            refused = isinstance(error, Refusal)
            status, outcome = error.status_in(dialect.name), _outcome(call, responder)
            if outcome == "rejected":
                self.equipment.metrics.rejections.add((error.code,))
            await self._tell(error, request, responder, dialect, call)
        except (asyncio.CancelledError, ClientLeft):
            status, outcome = 499, "client_closed"
            raise
        except Exception:
            self.log.exception("a request failed by our own fault", request_id=request.id)
            status, outcome = 500, _outcome(call, responder)
            await self._tell(Internal(), request, responder, dialect, call)
        finally:
            if call is not None:
                call.ticket.close(self.equipment.clock(), refused=refused)
            self._account(request, dialect, call, status, outcome)

    async def _admitted(self, admission: Admission, call: Call) -> Ticket:
        """By all of the caller's accounts, or by none."""
        who, tokens = call.request.principal, expected_tokens(call.chat)
        return admission.quick(who, tokens) or await admission.admit(who, tokens, call.chat.input_tokens)

    def _decided(self, request: Request, responder: Responder, dialect: Dialect) -> Call:
        chat = dialect.parse(request.body, request.headers)
        table = self.table()
        health = self.equipment.health
        reopens = health.reopens_at if health.resting else None
        snapshot = self.equipment.book.snapshot
        decision = decide(table, chat, request, self.dice, dialect=dialect.name, snapshot=snapshot, reopens=reopens)

        def elsewhere(model: str) -> Decision:
            return decide(
                table,
                chat,
                request,
                self.dice,
                dialect=dialect.name,
                snapshot=self.equipment.book.snapshot,
                reopens=health.reopens_at,
                instead=model,
            )

        budget = self.equipment.retry_budget
        budget.pay_in(decision.candidates[0].handling.retry)
        wishes = read_wishes(request.headers, table.rules.tags)
        for route in decision.failed_conditions:
            if self.rarely.may_say(route):
                self.log.warning("a route's condition can't be evaluated, which is false", route=route)
        return Call(
            request=request,
            chat=chat,
            dialect=dialect,
            decision=decision,
            itinerary=Itinerary(decision, elsewhere, budget, self.dice),
            responder=responder,
            admitted_at=time.time(),
            model_label=decision.label,
            tags={**wishes.tags, **request.principal.tags} if wishes.tags else request.principal.tags,
            ends_at=math.inf if wishes.patience_s is None else request.started_at + wishes.patience_s,
            ignored=wishes.ignored + decision.ignored,
            explained=self._explained(table, decision, chat, request) if wishes.explain else None,
        )

    def _explained(self, table: RoutingTable, decision: Decision, chat: ChatRequest, request: Request) -> str:
        snapshot = self.equipment.book.snapshot
        age_s = self.equipment.clock() - snapshot.taken_at if snapshot.targets else None
        return in_a_header(Explainer(table, snapshot, age_s).decided(decision, chat, request))

    async def _tell(
        self, error: GatewayError, request: Request, responder: Responder, dialect: Dialect, call: Call | None
    ) -> None:
        if responder.started:
            if call is None or not call.chat.stream:
                raise error  # in the middle of a long whole answer nothing can be said: the connection must end
            responder.write(dialect.stream_error(error))
        else:
            responder.start(
                error.status_in(dialect.name),
                {
                    "content-type": "application/json",
                    "x-request-id": request.id,
                    "request-id": request.id,
                    "x-should-retry": "true" if error.retry else "false",
                    "x-headrace-rules": call.decision.rules_hash if call is not None else self.table().hash,
                    "x-headrace-attempts": str(len(call.tried) if call is not None else 0),
                    **error.headers,
                },
            )
            responder.write(dialect.render_error(error))
        await responder.end()

    def _account(self, request: Request, dialect: Dialect, call: Call | None, status: int, outcome: str) -> None:
        seconds = self.equipment.clock() - request.started_at
        record = call.last if call is not None else None
        if call is None or call.tally is None or record is None:
            model = call.model_label if call is not None else "other"
            self.equipment.metrics.requests.add((dialect.name, model, "", str(status), outcome))
        else:
            call.tally.requests[status, outcome] += 1
            call.tally.request_took(seconds, max(seconds - call.upstream_s, 0.0))
            if call.first_content_at is not None:
                self.equipment.metrics.first_token_seconds.observe(
                    (call.model_label, record.start.provider), call.first_content_at - request.started_at
                )
        self.access_log(
            {
                "request_id": request.id,
                "key": request.principal.key_id,
                "model": call.decision.model if call is not None else None,
                "target": record.start.target if record is not None else None,
                "status": status,
                "outcome": outcome,
                "attempts": record.start.number if record is not None else 0,
                "input_tokens": record.usage.input + record.usage.cache_read_input if record is not None else 0,
                "output_tokens": record.usage.output + record.usage.reasoning if record is not None else 0,
                "cost_nano": record.cost_nano if record is not None else 0,
                "seconds": round(seconds, 6),
            }
        )


def _outcome(call: Call | None, responder: Responder) -> str:
    if call is None or call.last is None:
        return "rejected"
    return "broken_stream" if responder.started else "error"
