"""Where an upstream's bytes go: into the caller's answer once there is content, into a buffer until then."""

from collections.abc import Callable, Mapping

from backends.adapter import Adapter, StreamRelay
from backends.backend import Flow
from backends.errors import MALFORMED, BackendError, BadAnswer, TimedOut
from backends.types import AnswerKind
from gateway.dispatch.call import Call
from gateway.dispatch.floor import Floor
from gateway.dispatch.head import JSON, begin_long, begin_stream
from gateway.dispatch.pace import Weight
from gateway.dispatch.relays import Heard
from gateway.dispatch.said import Said
from gateway.metering.journal import OpenAttempt

LONGEST_ANSWER = 32 << 20
LONGEST_ERROR = 64 << 10
LONGEST_TAIL = 16 << 10
_STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")
"""Media types of streams: server-sent events, and AWS's frames."""
_MAY_BE_OTHER_THAN_JSON = (AnswerKind.TRANSCRIPT, AnswerKind.BINARY)
_SOUND = ("audio/", "application/octet-stream")


class AnswerSink:
    """Implements backends.backend.Sink and gateway.dispatch.clocks.Progress for one attempt; and Flow, towards the
    caller's side, so that a slow caller is felt by the clocks as well as by the upstream."""

    __slots__ = (
        "_adapter",
        "_body",
        "_call",
        "_clock",
        "_feed",
        "_floor",
        "_flow",
        "_headers",
        "_listening",
        "_long",
        "_most_held",
        "_native",
        "_number",
        "_opened",
        "_passed",
        "_relay",
        "_responder",
        "_sent_at",
        "_size",
        "_status",
        "_target",
        "_time",
        "_weight",
        "content_type",
        "draining",
        "first_content_at",
        "last_data",
        "last_write",
        "started",
    )

    def __init__(
        self,
        call: Call,
        target: str,
        number: int,
        sent_at: float,
        adapter: Adapter,
        relay: StreamRelay | None,
        opened: OpenAttempt,
        time: Callable[[], float],
        clock: Callable[[], float],
        *,
        native: bool = True,
        kept: Said | None = None,
        floor: Floor | None = None,
        weighs: bool = False,
    ) -> None:
        """`native`: bytes pass. `kept`: where what the caller is told is put aside. `floor`: there may be another
        attempt at the same time. `weighs`: somebody will ask for `tokens`."""
        # It does not know its attempt: one that its own sink led back to would be a cycle, left to the collector.
        self._call = call
        self._responder = call.responder
        self._target = target
        self._number = number
        self._sent_at = sent_at
        self._adapter = adapter
        self._relay = relay
        self._opened = opened
        self._time = time  # the loop's: cached, to the millisecond; right for silences, too coarse to measure with
        self._clock = clock
        self._native = native
        self._floor = floor
        self._weight: Weight | None = None
        if relay is not None:
            self._feed = relay.feed if kept is None else Heard(relay.feed, kept)
            if weighs:
                self._feed = self._weight = Weight(self._feed, relay)
        self._listening: StreamRelay | None = None
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._passed = False
        self._flow: Flow | None = None
        self._long = False
        self._most_held = LONGEST_ANSWER
        self.content_type = JSON
        """Of a whole answer."""
        self.started = False
        self.draining = False
        self.last_data = self.last_write = time()
        self.first_content_at: float | None = None

    @property
    def committed(self) -> bool:
        """The caller has seen content of this attempt: nobody else can answer any more."""
        return self._long or (self._listening is not None and self._listening.committed and self._passed)

    @property
    def done(self) -> bool:
        """Nothing more is awaited of the upstream's stream."""
        return self._listening is not None and self._listening.done

    def is_told(self, error: BackendError) -> bool:
        """Whether nothing but the end of the connection's answer is missing, so that this is nobody's loss.

        Once it is said why the answer ended, there is no more of it; but an error that the upstream itself tells of is.
        """
        relay = self._listening
        if relay is None:
            return False
        if isinstance(error, TimedOut) and error.clock != "between_tokens":
            return relay.done
        return relay.done or (relay.finished and relay.error is None)

    @property
    def relay(self) -> StreamRelay | None:
        """The stream's relay, when the upstream answered with a stream."""
        return self._listening

    @property
    def tokens(self) -> float:
        """How many have come of a stream, about; told only where its weight is."""
        return self._weight.tokens if self._weight is not None else 0.0

    @property
    def tail(self) -> bytes:
        """The end of a long answer that was passed on and not kept."""
        return b"".join(self._body)

    def on_flow(self, flow: Flow) -> None:
        """The upstream's tap, from backends that push: what is passed on is then handed on at once."""
        self._flow = flow
        if self._floor is None:
            self._responder.attach(self)

    def pause(self) -> None:
        """The caller reads more slowly than we write: the upstream waits, and the silence is not its own."""
        self.draining = True
        if self._flow is not None:
            self._flow.pause()

    def resume(self) -> None:
        """The caller has caught up."""
        self.draining = False
        self.last_data = self._time()
        if self._flow is not None:
            self._flow.resume()

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer has begun; only a 200's body is a stream."""
        self._status, self._headers = status, headers
        if status == 200 and self._relay is not None:
            kind = headers.get("content-type", "")
            if not kind.startswith(_STREAMS):
                if self._call.chat.answers is AnswerKind.TRANSCRIPT:
                    self._look_at_type(kind)
                    return
                raise BadAnswer(f"a stream was asked for, the answer is {kind[:60] or 'of no type'}")
            self._listening = self._relay
        elif status == 200 and self._call.chat.answers in _MAY_BE_OTHER_THAN_JSON:
            self._look_at_type(headers.get("content-type", ""))

    def on_data(self, data: bytes) -> None:
        """Relay, or keep."""
        relay = self._listening
        if relay is None:
            self._keep(data)
            return
        if self._floor is not None:
            self._floor.check(self._number)
        try:
            passed = self._feed(data)
        except MALFORMED as error:
            raise BadAnswer("a stream that is not in its protocol's shape") from error
        if not data.startswith(b":"):
            self.last_data = self._time()
        if relay.flowing and not self.started:
            self.started = True
            self.first_content_at = self._clock()
        if passed:
            if not self._passed:
                self._passed = True
                self._speak(passed)
            self._opened.progress(relay.content_events)
            self._responder.write(passed)
            self.last_write = self.last_data
            if self._flow is not None:
                self._responder.flush()
        if relay.error is not None:
            raise relay.error

    async def drain(self) -> None:
        """Hand on, and wait for a slow caller: the time that takes is not the upstream's."""
        if not self._passed and not self._long:
            return
        self.draining = True
        await self._responder.drain()
        self.draining = False
        self.last_data = self._time()

    def keep_alive(self) -> None:
        """A comment: the caller's connection stays open, nothing is committed."""
        self.last_write = self._time()
        if self._listening is None and self._call.chat.answers is AnswerKind.TRANSCRIPT:
            return  # it may yet be whole
        if self._floor is not None and not self._floor.keeps_alive(self._number):
            return
        self._begin_stream()
        self._responder.write(self._call.dialect.keep_alive())
        self._responder.flush()

    def finish(self) -> bytes:
        """The exchange is over. Returns the stream's last bytes or the whole body; raises BackendError otherwise."""
        if self._listening is not None:
            try:
                last = self._listening.close()
            except MALFORMED as error:
                raise BadAnswer("a stream that is not in its protocol's shape") from error
            self._speak(last)
            return last
        if self._long:
            return b""
        held = self._body
        body = held[0] if len(held) == 1 else b"".join(held)
        if self._status != 200:
            raise self._adapter.parse_error(self._status, self._headers, body)
        return body

    def _look_at_type(self, kind: str) -> None:
        """A transcript may be plain text, and whole though a stream was asked for: some models, whisper-1 among them,
        ignore the wish (https://platform.openai.com/docs/api-reference/audio/createTranscription). Sound is handed on
        as it arrives: nothing in it has to be read.
        """
        self.content_type = kind or JSON
        if self._call.chat.answers is AnswerKind.BINARY and kind.startswith(_SOUND):
            self._most_held = 0

    def _speak(self, opening: bytes) -> None:
        """For the first time: from now on nobody else does."""
        if self._floor is not None:
            self._floor.claim(self._number)
            if self._flow is not None:
                self._responder.attach(self)
        if not self._call.opening:
            self._call.opening = opening
        self._begin_stream()

    def _begin_stream(self) -> None:
        begin_stream(self._call, self._target, self._number, self._sent_at, self.first_content_at)

    def _keep(self, data: bytes) -> None:
        """Hold a whole answer: that is how its cost can stand in a header, and a cut one still be had elsewhere."""
        self._size += len(data)
        if self._status != 200:
            if self._size <= LONGEST_ERROR:
                self._body.append(data)
            return
        self._body.append(data)
        if self._size > self._most_held:
            self._pass_on()

    def _pass_on(self) -> None:
        """Too long to be held. What is known of its usage stands at its end."""
        held, newest = self._body, self._body[-1]
        if not self._native:
            raise BadAnswer(f"an answer of more than {LONGEST_ANSWER} bytes, which has to be translated")
        if not self._long:
            self._long = True
            begin_long(self._call, self._target, self._number, self._sent_at, self.content_type)
            newest = b"".join(held)
        self._responder.write(newest)
        if self._flow is not None:
            self._responder.flush()
        self._body = [b"".join(held[-2:])[-LONGEST_TAIL:]]
