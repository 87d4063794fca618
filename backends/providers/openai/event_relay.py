"""Streams of typed events on their way through: transcripts, speech and pictures, each event as the bytes it came as.

https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event and its neighbours: a few kinds of
events carry content, one ends the answer and bears the usage; some servers put a `[DONE]` behind it.
"""

from typing import Any, NamedTuple

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.openai.errors import error_in_answer
from backends.providers.openai.response import read_usage
from backends.providers.openai.responses import read_responses_usage
from backends.sse import SseDecoder, read_objects
from backends.types import Usage

LONGEST_EVENT = 8 << 20
_TELLING = (b'"error"', b'"usage"', b'"choices"', b"[DONE]")
"""What an event must hold to be more than content. False alarms only cost a parse."""


class EventKinds(NamedTuple):
    """The `type` of the events that matter."""

    content: frozenset[str]
    final: frozenset[str]


class EventRelay:
    """Implements backends.adapter.StreamRelay. Nothing is passed on before there is something to see, and the event
    that ends the answer is held back for `close`, so that the ledger comes first."""

    __slots__ = (
        "_events",
        "_held",
        "_kinds",
        "_telling",
        "committed",
        "content_events",
        "done",
        "error",
        "finished",
        "flowing",
        "usage",
    )

    def __init__(self, kinds: EventKinds, *, longest: int = LONGEST_EVENT) -> None:
        self._kinds = kinds
        self._telling = (*_TELLING, *(b'"%b"' % kind.encode() for kind in kinds.final))
        self._events = WholeEvents(longest)
        self._held: list[bytes] = []
        self.flowing = False
        self.committed = False
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.content_events = 0
        self.error: BackendError | None = None

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole."""
        for event in self._events.feed(data):
            if self.error is not None or self.done:
                break
            self._hear(event)
        return self._take_held() if self.flowing and not self.finished else b""

    def close(self) -> bytes:
        """The end: what was held back; ConnectionLost when the answer was not whole."""
        last = self._events.close()
        if last and self.error is None and not self.done:
            try:
                self._hear(last)
            except BadAnswer as error:
                raise ConnectionLost("the stream ended inside an event") from error
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without its last event")
        return self._take_held()

    def _take_held(self) -> bytes:
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)

    def _hear(self, event: bytes) -> None:
        if self.committed and not any(word in event for word in self._telling):
            self.content_events += 1
            self._held.append(event)
            return
        for said in SseDecoder(len(event)).feed(event):
            if said.data.strip() == b"[DONE]":
                self.done = True
                break
            for entry in read_objects(said.data):
                self._hear_object(entry, said.event)
                if self.error is not None:
                    return
        self._held.append(event)

    def _hear_object(self, said: dict[str, Any], name: bytes) -> None:
        kind = said.get("type") or name.decode("utf-8", "replace")
        if said.get("error") or kind == "error":
            self.error = error_in_answer(said if said.get("error") else {"error": said})
            return
        usage = said.get("usage")
        if usage:
            self.usage = read_responses_usage(usage) or read_usage(usage) or self.usage
        if kind in self._kinds.content:
            self._hear_content()
        elif kind in self._kinds.final:
            self.flowing = self.committed = self.finished = True
        for choice in said.get("choices") or ():
            if (choice.get("delta") or {}).get("content"):
                self._hear_content()
            self.finished = self.finished or bool(choice.get("finish_reason"))

    def _hear_content(self) -> None:
        self.flowing = self.committed = True
        self.content_events += 1


class WholeEvents:
    """Bytes → whole events, each with the blank line that ends it. Pieces are joined once, when an event is whole."""

    __slots__ = ("_border", "_longest", "_pieces", "_size")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._begin(b"")

    def _begin(self, tail: bytes) -> None:
        self._pieces = [tail]
        self._size = len(tail)
        self._border = tail[-3:]

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are now whole. Raises BadAnswer on an unfinished one past all bounds."""
        border = self._border + data
        self._border = border[-3:]
        self._pieces.append(data)
        self._size += len(data)
        if b"\n\n" not in border and b"\r\n\r\n" not in border:
            if self._size > self._longest:
                raise BadAnswer(f"an event of more than {self._longest} bytes")
            return []
        whole, events, at = b"".join(self._pieces), [], 0
        while (end := _end_of_event(whole, at)) > 0:
            events.append(whole[at:end])
            at = end
        self._begin(whole[at:])
        return events

    def close(self) -> bytes:
        """The last event, where the blank line after it was left out."""
        tail = b"".join(self._pieces).rstrip(b"\r\n")
        self._begin(b"")
        return tail + b"\n\n" if tail else b""


def _end_of_event(data: bytes, at: int) -> int:
    """Behind the next blank line; 0: there is none."""
    lf, crlf = data.find(b"\n\n", at), data.find(b"\r\n\r\n", at)
    if lf < 0 and crlf < 0:
        return 0
    return lf + 2 if crlf < 0 or 0 <= lf < crlf else crlf + 4
