"""Status and headers of the caller's answer, as one attempt gives them: a unary answer's when it is whole, a streamed
one's as soon as there is something to say."""

from gateway.dispatch.call import Call

_NANO = 1_000_000_000


JSON = "application/json"


def begin_whole(
    call: Call, target: str, number: int, until: float, cost_nano: int | None, content_type: str = JSON
) -> None:
    """Of a unary answer. `target` is the attempt's, `number` its own; `until` is now."""
    headers = _headers(call, target, number, until, content_type)
    if cost_nano is not None:
        headers["x-headrace-cost-usd"] = f"{cost_nano // _NANO}.{cost_nano % _NANO:09d}"
    call.responder.start(200, headers)


def begin_long(call: Call, target: str, number: int, sent_at: float, content_type: str = JSON) -> None:
    """Of a unary answer that is too long to be held, or is sound: it leaves before its cost is known."""
    call.responder.start(200, _headers(call, target, number, sent_at, content_type))


def begin_stream(call: Call, target: str, number: int, sent_at: float, first_content_at: float | None) -> None:
    """Of a streamed answer, once: with the first content, or with the first comment while it is awaited."""
    if call.first_content_at is None:
        call.first_content_at = first_content_at
    if not call.responder.started:
        headers = _headers(call, target, number, sent_at, "text/event-stream; charset=utf-8")
        headers["cache-control"] = "no-cache"
        headers["x-accel-buffering"] = "no"
        call.responder.start(200, headers)


def _headers(call: Call, target: str, number: int, until: float, kind: str) -> dict[str, str]:
    """`until`: when the gateway's own work for this answer is taken to be done."""
    request = call.request
    own_ms = (until - request.started_at - call.upstream_s) * 1000
    headers = {
        "content-type": kind,
        "x-request-id": request.id,
        "request-id": request.id,
        "x-headrace-target": target,
        "x-headrace-attempts": str(number),
        "x-headrace-rules": call.decision.rules_hash,
        "x-headrace-overhead-ms": f"{own_ms:.2f}" if own_ms > 0.0 else "0.00",
    }
    if call.ticket.counts:
        headers |= call.ticket.headers(until)
    if call.explained is not None:
        headers["x-headrace-explain"] = call.explained
    lowered_to = (
        call.decision.lowered_to if call.output_limited is None else call.output_limited
    )  # the budget's is lower
    if lowered_to is not None:
        headers["x-headrace-max-tokens-lowered"] = str(lowered_to)
    if call.ignored or call.dropped:
        headers["x-headrace-ignored"] = ", ".join((*call.ignored, *call.dropped))
    return headers
