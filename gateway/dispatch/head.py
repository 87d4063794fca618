"""Status and headers of the caller's answer, as one attempt gives them. Held by the attempt and by its sink.

It knows neither: an attempt that its own sink led back to would be a cycle, left to the collector by each request.
"""

from collections.abc import Callable

from gateway.catalog.deployments import Deployment
from gateway.dispatch.call import Call

_NANO = 1_000_000_000


class AnswerHead:
    """Begins the answer: a unary one when it is whole, a streamed one as soon as there is something to say."""

    __slots__ = ("_call", "_clock", "_deployment", "_number", "_sent_at")

    def __init__(
        self, call: Call, deployment: Deployment, number: int, *, sent_at: float, clock: Callable[[], float]
    ) -> None:
        self._call = call
        self._deployment = deployment
        self._number = number
        self._sent_at = sent_at
        self._clock = clock

    def begin_whole(self, cost_nano: int | None) -> None:
        """Head of a unary answer."""
        call = self._call
        headers = self._headers("application/json", self._clock())
        if cost_nano is not None:
            headers["x-headrace-cost-usd"] = f"{cost_nano // _NANO}.{cost_nano % _NANO:09d}"
        call.responder.start(200, headers)

    def begin_long(self) -> None:
        """Head of a unary answer that is too long to be held: it leaves before its cost is known."""
        self._call.responder.start(200, self._headers("application/json", self._sent_at))

    def begin_stream(self, first_content_at: float | None) -> None:
        """Head of a streamed answer, once: with the first content, or with the first comment while it is awaited."""
        call = self._call
        if call.first_content_at is None:
            call.first_content_at = first_content_at
        if not call.responder.started:
            headers = self._headers("text/event-stream; charset=utf-8", self._sent_at)
            headers["cache-control"] = "no-cache"
            headers["x-accel-buffering"] = "no"
            call.responder.start(200, headers)

    def _headers(self, kind: str, until: float) -> dict[str, str]:
        """`until`: when the gateway's own work for this answer is taken to be done."""
        call = self._call
        own_ms = (until - call.request.started_at - call.upstream_s) * 1000
        headers = {
            "content-type": kind,
            "x-request-id": call.request.id,
            "request-id": call.request.id,
            "x-headrace-target": self._deployment.target.id,
            "x-headrace-attempts": str(self._number),
            "x-headrace-rules": call.decision.rules_hash,
            "x-headrace-overhead-ms": f"{own_ms:.2f}" if own_ms > 0.0 else "0.00",
        }
        if call.ignored:
            headers["x-headrace-ignored"] = ", ".join(call.ignored)
        return headers
