"""One try at one deployment: journalled before it is sent, settled before the caller has the last byte."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from backends.adapter import Adapter
from backends.backend import Backend
from backends.errors import BackendError, ConnectFailed, Refused, TimedOut
from backends.types import UpstreamRequest, Usage
from gateway.catalog.deployments import Deployment
from gateway.dispatch.call import Call, Tried
from gateway.dispatch.clocks import Watch
from gateway.dispatch.failure import tell
from gateway.dispatch.observe import observe
from gateway.dispatch.sink import AnswerSink
from gateway.door import ClientLeft
from gateway.metering.journal import OpenAttempt
from gateway.metering.meter import Meter
from gateway.metering.records import AttemptStart, Ending, EndState, UsageRecord
from gateway.metrics import Metrics

_BOUND_WITHOUT_A_LIMIT = 4096
_BYTES_PER_TOKEN = 4
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Equipment:
    """What attempts are carried out with; shared by all of a worker's attempts."""

    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    """Monotonic seconds to measure with; its zero is the loop's."""
    meter: Meter
    metrics: Metrics
    adapters: Mapping[str, Adapter]
    """By protocol."""
    backends: Mapping[str, Backend]
    """By provider."""
    under_way: set[Watch] = field(default_factory=set)
    """So that a stop can end what outlasts its drain."""


class Attempt:
    """One try. `run` returns when the caller has the whole answer."""

    def __init__(self, call: Call, deployment: Deployment, number: int, *, last: bool, equipment: Equipment) -> None:
        self._call = call
        self._deployment = deployment
        self._number = number
        self._last = last
        self._with = equipment
        self._sent_at = equipment.clock()
        self._sink: AnswerSink | None = None

    @property
    def committed(self) -> bool:
        """The caller has seen content of this attempt."""
        return self._sink is not None and self._sink.committed

    def is_final(self, error: BackendError) -> bool:
        """Whether the request ends with this failure."""
        out_of_time = isinstance(error, TimedOut) and error.clock in ("total", "stream_total", "shutdown")
        return self._last or self.committed or out_of_time or not error.another_target_may_help

    async def run(self) -> None:
        """Raises BackendError when this try failed; ClientLeft or CancelledError when the caller left."""
        call, deployment = self._call, self._deployment
        adapter = self._with.adapters[deployment.target.protocol]
        request = adapter.build_request(call.chat, deployment.target, deployment.clocks)
        relay = adapter.stream_relay(call.chat, resumed=call.first_content_at is not None) if call.chat.stream else None
        opened = self._with.meter.sent(self._start())
        sink = self._sink = AnswerSink(
            self._with.loop,
            self._with.clock,
            adapter,
            relay,
            call.responder,
            opened,
            self._begin_stream,
            call.dialect.keep_alive(),
        )
        try:
            await self._exchange(request, sink)
            body, usage = self._read(adapter, sink)
        except BackendError as error:
            self._settle(opened, self._failure(error))
            raise
        except (asyncio.CancelledError, ClientLeft):
            self._settle(opened, self._ending(EndState.CLIENT_CLOSED, 499, final=True))
            raise
        except BaseException:
            self._settle(opened, self._ending(EndState.UPSTREAM_FAILED, 500, final=True, error="internal_error"))
            raise
        record = self._settle(opened, self._complete(body, usage))
        await self._deliver(body, record)

    async def _exchange(self, request: UpstreamRequest, sink: AnswerSink) -> None:
        call, loop = self._call, self._with.loop
        of = (call.model_label, self._deployment.target.provider)
        clocks = self._deployment.clocks
        watch = Watch(
            loop,
            sink,
            clocks,
            stream=call.chat.stream,
            total_at=call.request.started_at + clocks.total_s,
            stream_total_at=call.request.started_at + clocks.stream_total_s,
        )
        self._with.under_way.add(watch)
        self._with.metrics.in_flight.add(of, 1)
        try:
            async with watch:
                await self._with.backends[of[1]].exchange(request, sink)
        except BackendError:
            if not sink.done:  # after the terminator, how the connection ends is nobody's loss
                raise
        finally:
            self._with.metrics.in_flight.add(of, -1)
            self._with.under_way.discard(watch)
            call.upstream_s += self._with.clock() - self._sent_at

    def _read(self, adapter: Adapter, sink: AnswerSink) -> tuple[bytes, Usage | None]:
        last = sink.finish()
        if sink.relay is not None:
            return last, sink.relay.usage
        answer = adapter.parse_response(last)
        return answer.body, answer.usage

    async def _deliver(self, body: bytes, record: UsageRecord) -> None:
        """The last bytes, now that the ledger has the line: a stream's terminator, or the whole unary answer."""
        responder = self._call.responder
        if not self._call.chat.stream:
            headers = self._headers("application/json")
            if record.cost_nano is not None:
                headers["x-headrace-cost-usd"] = f"{record.cost_nano // _NANO}.{record.cost_nano % _NANO:09d}"
            responder.start(200, headers)
        responder.write(body)
        await responder.end()

    def _begin_stream(self) -> None:
        """Head of a streamed answer, once: with the first content, or with the first comment while it is awaited."""
        sink, call = self._sink, self._call
        if sink is not None and call.first_content_at is None:
            call.first_content_at = sink.first_content_at
        if not call.responder.started:
            headers = self._headers("text/event-stream; charset=utf-8")
            headers["cache-control"] = "no-cache"
            headers["x-accel-buffering"] = "no"
            call.responder.start(200, headers)

    def _headers(self, kind: str) -> dict[str, str]:
        call = self._call
        own_s = self._with.clock() - call.request.started_at - call.upstream_s
        if call.chat.stream:
            own_s = self._sent_at - call.request.started_at - call.upstream_s
        return {
            "content-type": kind,
            "x-request-id": call.request.id,
            "request-id": call.request.id,
            "x-headrace-target": self._deployment.target.id,
            "x-headrace-attempts": str(self._number),
            "x-headrace-rules": call.decision.rules_hash,
            "x-headrace-overhead-ms": f"{max(own_s, 0.0) * 1000:.2f}",
        }

    def _start(self) -> AttemptStart:
        call, deployment = self._call, self._deployment
        who = call.request.principal
        return AttemptStart(
            attempt_id=f"{call.request.id}-{self._number}",
            request_id=call.request.id,
            number=self._number,
            at=call.admitted_at,
            key_id=who.key_id,
            key_name=who.name,
            team=who.team,
            tags=who.tags,
            dialect=call.dialect.name,
            model=call.decision.model,
            provider=deployment.target.provider,
            target=deployment.target.id,
            upstream_model=deployment.target.model,
            stream=call.chat.stream,
            price=deployment.price,
            rules_hash=call.decision.rules_hash,
            input_estimate=len(call.chat.raw) // _BYTES_PER_TOKEN,
            output_bound=self._output_bound(),
        )

    def _output_bound(self) -> int:
        body = self._call.chat.body
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        bound = limit or self._deployment.max_output or _BOUND_WITHOUT_A_LIMIT
        return int(bound) * int(body.get("n") or 1)

    def _complete(self, body: bytes, usage: Usage | None) -> Ending:
        ending = self._ending(EndState.COMPLETE, 200, final=True, usage=usage)
        if ending.usage is None and not self._call.chat.stream:
            return replace(ending, content_events=len(body) // _BYTES_PER_TOKEN)
        return ending

    def _failure(self, error: BackendError) -> Ending:
        final = self.is_final(error)
        status = tell(error, self._deployment.target.provider, []).status if final else 502
        if isinstance(error, ConnectFailed):
            state = EndState.NEVER_SENT
        elif isinstance(error, Refused):
            state = EndState.REFUSED
        else:
            state = EndState.TIMED_OUT if isinstance(error, TimedOut) else EndState.UPSTREAM_FAILED
        ending = self._ending(state, status, final=final, error=error.reason, may_have_billed=error.may_have_billed)
        self._call.tried.append(Tried(self._deployment.target.id, error.reason, round(ending.duration_s * 1000)))
        return ending

    def _ending(
        self,
        state: EndState,
        status: int,
        *,
        final: bool,
        usage: Usage | None = None,
        error: str | None = None,
        may_have_billed: bool = True,
    ) -> Ending:
        sink = self._sink
        relay = sink.relay if sink is not None else None
        first = sink.first_content_at if sink is not None else None
        return Ending(
            state=state,
            status=status,
            final=final,
            usage=usage or (relay.usage if relay is not None else None),
            content_events=relay.content_events if relay is not None else 0,
            may_have_billed=may_have_billed,
            error=error,
            ttft_s=None if first is None else first - self._sent_at,
            duration_s=self._with.clock() - self._sent_at,
        )

    def _settle(self, opened: OpenAttempt, ending: Ending) -> UsageRecord:
        record = opened.done(ending)
        self._call.last = record
        observe(self._with.metrics, self._call.model_label, record)
        return record
