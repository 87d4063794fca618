"""One try at one deployment: journalled before it is sent, settled before the caller has the last byte."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backends.adapter import Adapter, StreamRelay
from backends.backend import Backend
from backends.errors import BackendError, ConnectFailed, NotCarried, Refused, TimedOut
from backends.types import BYTES_PER_TOKEN, ChatRequest, UpstreamRequest, Usage
from gateway.dialects.translated import TranslatedRelay, read_whole
from gateway.dispatch.call import Call, Tried
from gateway.dispatch.clocks import Alarms, Watch
from gateway.dispatch.failure import tell
from gateway.dispatch.head import begin_whole
from gateway.dispatch.itinerary import Step
from gateway.dispatch.observe import observe
from gateway.dispatch.own_answer import answer_ourselves
from gateway.dispatch.sink import AnswerSink
from gateway.door import ClientLeft
from gateway.metering.journal import OpenAttempt
from gateway.metering.meter import Meter
from gateway.metering.records import AttemptStart, Ending, EndState, UsageRecord
from gateway.metrics import Metrics
from gateway.stats.book import Book
from gateway.stats.health import Health
from gateway.stats.retry_budget import RetryBudget

_BOUND_WITHOUT_A_LIMIT = 4096


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
    health: Health
    book: Book
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    alarms: Alarms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarms", Alarms(self.loop))

    @property
    def under_way(self) -> list[Watch]:
        """So that a stop can end what outlasts its drain."""
        return self.alarms.waiting()


class Attempt:
    """One try. `run` returns when the caller has the whole answer."""

    __slots__ = ("_call", "_deployment", "_number", "_sent_at", "_sink", "_tally", "_with", "native", "next")

    def __init__(self, call: Call, step: Step, number: int, equipment: Equipment) -> None:
        self._call = call
        self._deployment = deployment = step.deployment
        self._number = number
        self._with = equipment
        self.next: Step | None = None
        """What comes after, when this one has failed; None: the request ends with it."""
        self._sent_at = equipment.clock()
        self._sink: AnswerSink | None = None
        self.native = True
        """Bytes pass through: the upstream speaks the caller's dialect."""
        call.tally = self._tally = equipment.metrics.tally(
            (
                call.dialect.name,
                call.model_label,
                deployment.target.provider,
                call.chat.stream,
                call.request.principal.team or "",
            )
        )

    @property
    def provider(self) -> str:
        """Whom it goes to."""
        return self._deployment.target.provider

    async def run(self) -> None:
        """Raises BackendError when this try failed; ClientLeft or CancelledError when the caller left."""
        call, deployment = self._call, self._deployment
        tools = self._with
        target = deployment.target
        adapter = tools.adapters[target.protocol]
        native = self.native = adapter.speaks(call.chat.dialect, target)
        if not native and call.chat.own_answer is not None:
            await answer_ourselves(call, call.chat.own_answer)
            return
        request = self._request(adapter, native=native)
        relay = self._relay(adapter, native=native) if call.chat.stream else None
        tools.health.began(deployment)
        opened = tools.meter.sent(self._start())
        sink = self._sink = AnswerSink(
            call, target.id, self._number, self._sent_at, adapter, relay, opened, tools.loop.time, tools.clock
        )
        try:
            await self._exchange(request, sink)
            body, usage = self._read(adapter, sink, native=native)
        except BackendError as error:
            self._settle(opened, self._failure(error))
            raise
        except (asyncio.CancelledError, ClientLeft):
            self._settle(opened, self._ending(EndState.CLIENT_CLOSED, 499, final=True))
            raise
        except BaseException:
            self._settle(opened, self._ending(EndState.UPSTREAM_FAILED, 500, final=True, error="internal_error"))
            raise
        tools.health.succeeded(deployment)
        record = self._settle(opened, self._complete(body, usage))
        # The last bytes, now that the ledger has the line: a stream's terminator, or the whole unary answer.
        if not call.responder.started:
            begin_whole(call, target.id, self._number, tools.clock(), record.cost_nano, sink.content_type)
        call.responder.write(body)
        await call.responder.end()

    async def _exchange(self, request: UpstreamRequest, sink: AnswerSink) -> None:
        call, tally, clocks = self._call, self._tally, self._deployment.clocks
        began = call.request.started_at
        watch = Watch(
            self._with.alarms,
            sink,
            clocks,
            stream=call.chat.stream,
            total_at=min(began + clocks.total_s, call.ends_at),
            stream_total_at=min(began + clocks.stream_total_s, call.ends_at),
        )
        tally.in_flight += 1
        try:
            with watch:
                await self._with.backends[self._deployment.target.provider].exchange(request, sink)
        except BackendError:
            if not sink.done:  # after the terminator, how the connection ends is nobody's loss
                raise
        finally:
            tally.in_flight -= 1
            call.responder.attach(None)
            call.upstream_s += self._with.clock() - self._sent_at

    def _request(self, adapter: Adapter, *, native: bool) -> UpstreamRequest:
        call, deployment = self._call, self._deployment
        try:
            request = self._built(adapter, native=native)
        except NotCarried as error:
            call.tried.append(Tried(deployment.target.id, error.reason, 0))
            self.next = self._after(error)
            raise
        call.dropped = request.dropped if native else (*call.chat.ignored, *request.dropped)
        return request

    def _built(self, adapter: Adapter, *, native: bool) -> UpstreamRequest:
        chat = self._call.chat
        if chat.untranslated is not None and not native:
            raise NotCarried(*chat.untranslated)
        return adapter.build_request(chat, self._deployment.target, self._deployment.clocks)

    def _relay(self, adapter: Adapter, *, native: bool) -> StreamRelay:
        call = self._call
        resumed = call.first_content_at is not None
        if native:
            return adapter.stream_relay(call.chat, resumed=resumed)
        chat = self._dated()
        return TranslatedRelay(adapter.stream_decoder(chat), call.dialect.stream_encoder(chat), resumed=resumed)

    def _dated(self) -> ChatRequest:
        return self._call.chat._replace(created=int(self._call.admitted_at))

    def _read(self, adapter: Adapter, sink: AnswerSink, *, native: bool) -> tuple[bytes, Usage | None]:
        last = sink.finish()
        if sink.relay is not None:
            return last, sink.relay.usage
        if sink.committed:
            return last, adapter.usage_in(sink.tail)
        chat = self._call.chat if native else self._dated()
        return read_whole(adapter, self._call.dialect, chat, last, native=native)

    def _start(self) -> AttemptStart:
        call, target, who = self._call, self._deployment.target, self._call.request.principal
        # By place: with the names spelled out this takes four times as long.
        return AttemptStart(
            f"{call.request.id}-{self._number}",
            call.request.id,
            self._number,
            call.admitted_at,
            who.key_id,
            who.name,
            who.team,
            call.tags,
            call.dialect.name,
            call.decision.model,
            target.provider,
            target.id,
            target.model,
            call.chat.stream,
            self._deployment.price,
            call.decision.rules_hash,
            call.chat.input_tokens,
            self._output_bound(),
        )

    def _output_bound(self) -> int:
        if not self._call.chat.answers.written:
            return 0  # nothing is written token by token, or nothing that our classes count
        body = self._call.chat.body
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        bound = limit or self._deployment.max_output or _BOUND_WITHOUT_A_LIMIT
        return int(bound) * int(body.get("n") or 1)

    def _complete(self, body: bytes, usage: Usage | None) -> Ending:
        ending = self._ending(EndState.COMPLETE, 200, final=True, usage=usage)
        whole = self._sink is not None and self._sink.relay is None
        if ending.usage is None and whole and self._call.chat.answers.written:
            return ending._replace(content_events=len(body) // BYTES_PER_TOKEN)
        return ending

    def _after(self, error: BackendError) -> Step | None:
        """Once the caller has seen content, nobody else can answer."""
        if self._sink is not None and self._sink.committed:
            return None
        call = self._call
        ends_at = min(call.request.started_at + self._deployment.clocks.total_s, call.ends_at)
        return call.itinerary.after(self._deployment, error, self._with.clock(), ends_at)

    def _failure(self, error: BackendError) -> Ending:
        self._with.health.failed(self._deployment, error)
        self.next = self._after(error)
        final = self.next is None
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
        events = 0
        if relay is not None:
            usage, events = usage or relay.usage, relay.content_events
        ttft_s = None if first is None else first - self._sent_at
        duration_s = self._with.clock() - self._sent_at
        return Ending(state, status, final, usage, events, may_have_billed, error, ttft_s, duration_s)

    def _settle(self, opened: OpenAttempt, ending: Ending) -> UsageRecord:
        record = opened.done(ending)
        self._call.last = record
        observe(self._with.metrics, self._with.book, self._tally, self._call.model_label, record)
        return record
