"""How one attempt's answer gets to the caller: as the bytes it comes as, or decoded and said again; and what is asked
for where an answer has been begun already."""

from collections.abc import Callable
from typing import NamedTuple

from backends.adapter import Adapter, Continues, StreamRelay
from backends.errors import NotCarried
from backends.prefill import is_plain, prefilled
from backends.types import AnswerKind, ChatRequest, Usage
from gateway.dialects.translated import TranslatedRelay
from gateway.dispatch.call import Call
from gateway.dispatch.itinerary import CONTINUES, Step
from gateway.dispatch.said import Said
from gateway.dispatch.seam import Seam, blanks_at_the_end, head_of

_CHAT = "openai_chat"


class Way(NamedTuple):
    """Of one attempt's answer."""

    chat: ChatRequest
    """What is asked."""
    native: bool
    """Bytes pass through: the upstream speaks the caller's dialect."""
    keeps: bool
    """What is said is kept, in case that somebody else has to go on with it."""


def choose_way(call: Call, step: Step, adapter: Adapter) -> Way:
    """Raises NotCarried where this adapter can't be asked."""
    chat, target = call.chat, step.deployment.target
    if step.continues:
        return Way(_continued(call, adapter), native=False, keeps=True)
    native = adapter.speaks(chat.dialect, target)
    if call.opening:
        if chat.dialect == _CHAT:
            native = False  # so that the caller sees one stream
        elif not native and call.encoder is None:
            raise NotCarried("stream", "Only another provider of this protocol can begin this answer anew.")
    if chat.untranslated is not None and not native:
        raise NotCarried(*chat.untranslated)
    return Way(chat, native, chat.stream and _is_kept(call, step, native=native))


def _is_kept(call: Call, step: Step, *, native: bool) -> bool:
    if not any(CONTINUES in candidate.capabilities for candidate in step.decision.candidates):
        return False
    chat = call.chat
    if step.deployment.handling.mid_stream == "error" or chat.answers is not AnswerKind.TEXT:
        return False
    return (not native or chat.dialect == _CHAT) and "messages" in chat.body and is_plain(chat.body)


def _continued(call: Call, adapter: Adapter) -> ChatRequest:
    begun = call.said.begun() if call.said is not None else None
    asked = None
    if begun is not None:
        asked = adapter.continued(call.chat, begun) if isinstance(adapter, Continues) else prefilled(call.chat, begun)
    if asked is None:
        raise NotCarried("messages", "This provider can't be asked to go on with the answer.")
    return asked


def make_relay(call: Call, step: Step, adapter: Adapter, way: Way) -> StreamRelay:
    """For a streamed attempt."""
    resumed = call.first_content_at is not None and not step.continues
    if way.keeps and call.said is None:
        call.said = Said()
    if way.native:
        return adapter.stream_relay(way.chat, resumed=resumed)
    created = int(call.admitted_at)
    decoder = adapter.stream_decoder(way.chat._replace(created=created))
    if call.encoder is None:
        call.encoder = call.dialect.stream_encoder(call.chat._replace(created=created))
    before: Usage | None = None
    if call.opening:
        blanks = ""
        begun = call.said.begun() if call.said is not None else None
        if begun is not None and call.said is not None:
            blanks = blanks_at_the_end(begun.content)
            if step.continues:
                thought = call.said.reasoning_tokens
                before = Usage(output=begun.tokens - thought, reasoning=thought)
            else:
                call.said.begin_anew()
        head = head_of(call.opening) if call.chat.dialect == _CHAT else {}
        decoder = Seam(decoder, head, blanks, continues=step.continues)
    return TranslatedRelay(
        decoder, call.encoder, resumed=resumed, listener=call.said if way.keeps else None, before=before
    )


class Heard:
    """Stands before a relay's `feed`, and keeps what the caller is told in the chat of OpenAI's."""

    __slots__ = ("_feed", "_said")

    def __init__(self, feed: Callable[[bytes], bytes], said: Said) -> None:
        self._feed = feed
        self._said = said

    def __call__(self, data: bytes) -> bytes:
        """As `feed`."""
        passed = self._feed(data)
        if passed:
            self._said.hear(passed)
        return passed
