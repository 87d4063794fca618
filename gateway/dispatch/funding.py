"""Money for one attempt: set aside at its own price before it is sent, in every account that pays for it."""

from typing import NamedTuple

import orjson

from backends.adapter import Adapter
from backends.errors import NotCarried
from backends.types import AnswerKind, ChatRequest, UpstreamRequest
from gateway.catalog.deployments import Deployment
from gateway.dispatch.call import Call
from gateway.limits.admission import Admission
from gateway.limits.bound import Bound, bound, media_parts, output_limit
from gateway.limits.budget import Reservation
from gateway.limits.refusals import Refusal, UnknownPrice
from gateway.metering.journal import OpenAttempt
from gateway.metering.meter import Meter
from gateway.metering.records import AttemptStart

OUTPUT_WITHOUT_A_LIMIT = 4096
"""Where neither the caller nor the model names one; a budget then has it sent along."""
HEDGE_WAITS_S = 0.3
_LIMIT_FIELD = {"anthropic_messages": "max_tokens", "openai_responses": "max_output_tokens"}
"""By dialect, where the request as it came is not the common form."""


class Unaffordable(NotCarried):
    """The budget does not cover this target; another one may be cheaper. `refusal`: what the caller is told at last."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__("budget", refusal.message)
        self.reason = refusal.code
        self.refusal = refusal


class Funds(NamedTuple):
    """What was set aside, and the request as it may now be sent."""

    reservation: Reservation
    chat: ChatRequest
    request: UpstreamRequest


async def fund(
    call: Call,
    deployment: Deployment,
    admission: Admission | None,
    adapter: Adapter,
    chat: ChatRequest,
    request: UpstreamRequest,
    ends_at: float,
) -> Funds:
    """Reserve the most that this attempt can cost, and limit its output where that is needed. Raises Unaffordable."""
    assert admission is not None, "a ticket with purses has come from it"
    ticket, price = call.ticket, deployment.price
    if price is None:
        if not ticket.unknown_price:
            raise Unaffordable(UnknownPrice(deployment.id))
        return Funds(Reservation((), 0, funded=False), chat, request)
    limit = output_limit(chat) or deployment.max_output
    most = (limit or OUTPUT_WITHOUT_A_LIMIT) if chat.answers.written else 0
    wanted: Bound = bound(price, len(request.body), media_parts(chat), most, int(chat.body.get("n") or 1))
    held, granted = admission.reserve_held(ticket, wanted.nano), wanted
    if held is None:
        try:
            held, granted = await admission.reserve(ticket, wanted, ends_at)
        except Refusal as refusal:
            raise Unaffordable(refusal) from refusal
    if chat.answers is AnswerKind.TEXT and (granted is not wanted or limit is None):
        call.output_limited = granted.output_tokens
        chat = with_output_limit(chat, granted.output_tokens)
        try:
            request = adapter.build_request(chat, deployment.target, deployment.clocks)
        except BaseException:
            held.settle(0)
            raise
    return Funds(held, chat, request)


def open_funded(meter: Meter, start: AttemptStart, held: Reservation | None) -> OpenAttempt:
    """Note that the attempt goes out. What can't be noted is not sent, and its money comes back."""
    try:
        return meter.sent(start)
    except BaseException:
        if held is not None:
            held.settle(0)
        raise


def with_output_limit(chat: ChatRequest, tokens: int) -> ChatRequest:
    """The request with this limit, under the name that its dialect has for it; targets rename it as they need."""
    name = "max_completion_tokens"
    if chat.body.get("max_tokens") is not None or chat.dialect == "openai_completions":
        name = "max_tokens"
    body = {**chat.body, name: tokens}
    if name == "max_tokens":
        body.pop("max_completion_tokens", None)
    if chat.native is None:
        return chat._replace(body=body, raw=orjson.dumps(body), plain=True)
    native = {**chat.native, _LIMIT_FIELD.get(chat.dialect, name): tokens}
    return chat._replace(body=body, native=native, raw=orjson.dumps(native), plain=True)
