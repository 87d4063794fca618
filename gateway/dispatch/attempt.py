"""One try at one deployment: journalled before it is sent, settled before the caller has the last byte."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from backends.adapter import Adapter, StreamRelay
from backends.backend import Backend
from backends.errors import BackendError, ConnectFailed, ConnectionLost, Fault, NotCarried, Refused, TimedOut
from backends.types import BYTES_PER_TOKEN, ChatRequest, UpstreamRequest, Usage
from gateway.dialects.translated import read_whole
from gateway.dispatch.call import Call, Tried
from gateway.dispatch.clocks import Alarms, HedgeLost, Late, Watch
from gateway.dispatch.failure import tell
from gateway.dispatch.floor import Floor
from gateway.dispatch.funding import HEDGE_WAITS_S, fund, open_funded
from gateway.dispatch.head import begin_whole
from gateway.dispatch.hedge_budget import HedgeBudget
from gateway.dispatch.itinerary import Step
from gateway.dispatch.observe import observe
from gateway.dispatch.own_answer import answer_ourselves
from gateway.dispatch.pace import Pace, learned_first_token_s
from gateway.dispatch.relays import Way, choose_way, make_relay
from gateway.dispatch.sink import AnswerSink
from gateway.door import ClientLeft
from gateway.limits.admission import Admission
from gateway.limits.budget import Reservation
from gateway.metering.journal import OpenAttempt
from gateway.metering.meter import Meter
from gateway.metering.records import AttemptStart, Ending, EndState, UsageRecord
from gateway.metrics import Metrics
from gateway.routing.rewriting import for_target
from gateway.stats.book import Book
from gateway.stats.health import Health
from gateway.stats.retry_budget import RetryBudget

_BOUND_WITHOUT_A_LIMIT = 4096
_BREAKS = frozenset({Fault.CAPACITY, Fault.TRANSPORT})
"""What may befall an answer on its way, and would not befall its rest elsewhere."""


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
    hedge_budget: HedgeBudget = field(default_factory=HedgeBudget)
    admission: Admission | None = None
    """None: nobody has limits."""
    alarms: Alarms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarms", Alarms(self.loop))

    @property
    def under_way(self) -> list[Watch]:
        """So that a stop can end what outlasts its drain."""
        return self.alarms.waiting()


class Attempt:
    """One try. `run` returns when the caller has the whole answer."""

    __slots__ = (
        "_call",
        "_deployment",
        "_floor",
        "_held",
        "_late",
        "_sent_at",
        "_sink",
        "_step",
        "_tally",
        "_way",
        "_with",
        "next",
        "number",
    )

    def __init__(
        self, call: Call, step: Step, equipment: Equipment, floor: Floor | None = None, late: Late | None = None
    ) -> None:
        """`floor`: another attempt may be under way at the same time. `late`: what to do if this one is."""
        call.attempts += 1
        self.number = call.attempts
        self._call = call
        self._step = step
        self._deployment = deployment = step.deployment
        self._with = equipment
        self._floor = floor
        if floor is not None:
            floor.under_way.add(self.number)
        self._late = late
        self.next: Step | None = None
        """What comes after, when this one has failed; None: the request ends with it."""
        self._sent_at = equipment.clock()
        self._sink: AnswerSink | None = None
        self._way: Way | None = None
        self._held: Reservation | None = None
        """Money, in the accounts that pay."""
        self._tally = equipment.metrics.tally(
            (
                call.dialect.name,
                call.model_label,
                deployment.target.provider,
                call.chat.stream,
                call.request.principal.team or "",
            )
        )

    @property
    def decisive(self) -> "Attempt":
        """Whose end is the end of it: its own."""
        return self

    @property
    def provider(self) -> str:
        """Whom it goes to."""
        return self._deployment.target.provider

    @property
    def native(self) -> bool:
        """Bytes pass through: the upstream speaks the caller's dialect."""
        return self._way is None or self._way.native

    @property
    def cut(self) -> bool:
        """The caller has content of it."""
        return self._sink is not None and self._sink.committed

    async def run(self) -> None:
        """Raises BackendError when this try failed; ClientLeft or CancelledError when the caller left; HedgeLost when
        another attempt was faster."""
        call, deployment, tools = self._call, self._deployment, self._with
        adapter = tools.adapters[deployment.target.protocol]
        if call.chat.own_answer is not None and not adapter.speaks(call.chat.dialect, deployment.target):
            await answer_ourselves(call, call.chat.own_answer)
            return
        way, request = self._request(adapter)
        if call.ticket.purses:
            way, request = await self._fund(adapter, way, request)
        relay = make_relay(call, self._step, adapter, way) if call.chat.stream else None
        tools.health.began(deployment)
        opened = open_funded(tools.meter, self._start(way.chat), self._held)
        sink = self._sink = self._make_sink(adapter, relay, opened, way)
        try:
            await self._exchange(request, sink)
            body, usage = self._read(adapter, sink, way)
        except BackendError as error:
            self._settle(opened, self._failure(error))
            raise
        except HedgeLost:
            self._settle(opened, self._ending(EndState.HEDGE_LOST, 499, final=False))
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
            begin_whole(call, deployment.id, self.number, tools.clock(), record.cost_nano, sink.content_type)
        call.responder.write(body)
        await call.responder.end()

    async def _exchange(self, request: UpstreamRequest, sink: AnswerSink) -> None:
        tally, floor = self._tally, self._floor
        watch = self._watch(sink)
        tally.in_flight += 1
        try:
            with watch:
                if floor is not None:
                    floor.enter(self.number, watch)
                await self._with.backends[self.provider].exchange(request, sink)
        except (ConnectionLost, TimedOut) as error:
            if not sink.is_told(error):
                raise
        except BackendError:
            if not sink.done:  # after the terminator, how the connection ends is nobody's loss
                raise
        finally:
            tally.in_flight -= 1
            self._leave()

    def _leave(self) -> None:
        call, floor, now = self._call, self._floor, self._with.clock()
        if floor is not None:
            floor.leave(self.number)
        if floor is None or floor.winner in (None, self.number):
            call.responder.attach(None)
        call.upstream_s += now - max(self._sent_at, call.upstream_until)
        call.upstream_until = now

    def _watch(self, sink: AnswerSink) -> Watch:
        call, deployment = self._call, self._deployment
        clocks, handling, began = deployment.clocks, deployment.handling, call.request.started_at
        if handling.first_token_learned and call.chat.stream:
            known = self._with.book.snapshot.targets.get(deployment.id)
            learned_s = learned_first_token_s(known, call.chat)
            clocks = clocks if learned_s is None else replace(clocks, first_token_s=learned_s)
        return Watch(
            self._with.alarms,
            sink,
            clocks,
            stream=call.chat.stream,
            total_at=self._ends_at(),
            stream_total_at=min(began + clocks.stream_total_s, call.ends_at),
            late=self._late,
            pace=Pace(handling.min_rate, sink) if handling.min_rate is not None and call.chat.stream else None,
        )

    def _ends_at(self) -> float:
        """Until when the caller's answer must have begun; where it has begun, until when it must be whole."""
        call, clocks = self._call, self._deployment.clocks
        total_s = clocks.total_s if call.first_content_at is None else clocks.stream_total_s
        return min(call.request.started_at + total_s, call.ends_at)

    def _request(self, adapter: Adapter) -> tuple[Way, UpstreamRequest]:
        call, deployment = self._call, self._deployment
        try:
            way = self._way = choose_way(call, self._step, adapter)
            asked = call.decision.asked
            chat = way.chat if asked is None else for_target(way.chat, deployment.target, asked)
            request = adapter.build_request(chat, deployment.target, deployment.clocks)
        except NotCarried as error:
            self._not_sent(error)
            raise
        call.dropped = request.dropped if way.native else (*call.chat.ignored, *request.dropped)
        return way, request

    def _not_sent(self, error: NotCarried) -> None:
        self._call.tried.append(Tried(self._deployment.id, error.reason, 0))
        self.next = self._after(error)

    async def _fund(self, adapter: Adapter, way: Way, request: UpstreamRequest) -> tuple[Way, UpstreamRequest]:
        """Set money aside. A hedge does not wait for it: what stands in its way may be the first attempt's own."""
        beside = self._floor is not None and self._late is None
        ends_at = self._with.clock() + HEDGE_WAITS_S if beside else self._ends_at()
        try:
            funds = await fund(self._call, self._deployment, self._with.admission, adapter, way.chat, request, ends_at)
        except NotCarried as error:
            self._not_sent(error)
            raise
        self._held = funds.reservation
        return way._replace(chat=funds.chat), funds.request

    def _make_sink(self, adapter: Adapter, relay: StreamRelay | None, opened: OpenAttempt, way: Way) -> AnswerSink:
        call, floor, tools = self._call, self._floor, self._with
        return AnswerSink(
            call,
            self._deployment.id,
            self.number,
            self._sent_at if floor is None else floor.sent_at,
            adapter,
            relay,
            opened,
            tools.loop.time,
            tools.clock,
            native=way.native,
            kept=call.said if way.keeps and way.native else None,
            floor=floor,
            weighs=self._deployment.handling.min_rate is not None,
        )

    def _read(self, adapter: Adapter, sink: AnswerSink, way: Way) -> tuple[bytes, Usage | None]:
        last = sink.finish()
        if sink.relay is not None:
            return last, sink.relay.usage
        if sink.committed:
            return last, adapter.usage_in(sink.tail)
        chat = way.chat if way.native else way.chat._replace(created=int(self._call.admitted_at))
        return read_whole(adapter, self._call.dialect, chat, last, native=way.native)

    def _start(self, chat: ChatRequest) -> AttemptStart:
        call, target, who = self._call, self._deployment.target, self._call.request.principal
        # By place: with the names spelled out this takes four times as long.
        return AttemptStart(
            f"{call.request.id}-{self.number}",
            call.request.id,
            self.number,
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
            chat.input_tokens,
            self._output_bound(chat),
            call.ticket.charged_to,
            None if self._held is None else self._held.bound_nano,
        )

    def _output_bound(self, chat: ChatRequest) -> int:
        if not chat.answers.written:
            return 0  # nothing is written token by token, or nothing that our classes count
        body = chat.body
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
        call, floor = self._call, self._floor
        if floor is not None:
            floor.under_way.discard(self.number)
            if floor.under_way:
                return None  # there is another one already
        now, ends_at = self._with.clock(), self._ends_at()
        if not self.cut and not self._step.continues:
            return call.itinerary.after(self._deployment, error, now, ends_at)
        # Once the caller has seen content, nobody else can answer: but perhaps somebody can go on.
        kept = self._way is None or self._way.keeps
        begun = call.said.begun() if kept and call.said is not None else None
        if begun is None or (self.cut and error.fault not in _BREAKS):
            return None
        if not begun.content.strip():  # nothing to see yet: begun anew, and the blanks are not told twice
            return call.itinerary.after(self._deployment, error, now, ends_at)
        return call.itinerary.onwards(self._deployment, error, now, ends_at)

    def _failure(self, error: BackendError) -> Ending:
        self._with.health.failed(self._deployment, error)
        self.next = self._after(error)
        final = self.next is None and not (self._floor is not None and self._floor.under_way)
        status = tell(error, self.provider, []).status if final else 502
        if isinstance(error, ConnectFailed):
            state = EndState.NEVER_SENT
        elif isinstance(error, Refused):
            state = EndState.REFUSED
        else:
            state = EndState.TIMED_OUT if isinstance(error, TimedOut) else EndState.UPSTREAM_FAILED
        if self.cut and self.next is not None:
            state = EndState.CONTINUED
        ending = self._ending(state, status, final=final, error=error.reason, may_have_billed=error.may_have_billed)
        self._call.tried.append(Tried(self._deployment.id, error.reason, round(ending.duration_s * 1000)))
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
        if self._held is not None:
            self._held.settle(record.charged_nano)
        if self._call.ticket.counts:
            self._call.ticket.used += sum(record.usage)
        if ending.state is not EndState.HEDGE_LOST:
            self._call.last, self._call.tally = record, self._tally
        observe(self._with.metrics, self._with.book, self._tally, self._call.model_label, record)
        return record
