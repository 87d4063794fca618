"""A streamed message on its way through to callers who speak Anthropic's Messages: whole events pass as the bytes they
came as, and a byte search listens.

JSON is parsed only for events that may say something: those before the first content, and those that name usage, the
end, or an error. Data lines may have blanks at their end, each another number: they pass too.
"""

import re
from collections.abc import Mapping
from typing import Any

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.anthropic.errors import error_in_answer
from backends.providers.anthropic.usage import merged, read_usage
from backends.sse import LONGEST_EVENT, read_objects, whole_events
from backends.types import Usage

_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_CLOSE_FIRST = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
_INDEX = re.compile(rb'("index"\s*:\s*)(\d+)')
_REASONING = frozenset({"thinking", "redacted_thinking"})
_CONTENT_DELTAS = frozenset({"text_delta", "input_json_delta", "citations_delta"})


class AnthropicStreamRelay:
    """Implements backends.adapter.StreamRelay. Nothing is passed on before there is something to see: until the first
    text or tool another target may still answer. `message_stop` is held back for `close`, so that the ledger comes
    first."""

    __slots__ = (
        "_held",
        "_opening",
        "_resumed",
        "_shift",
        "_tail",
        "_terminator",
        "_usage",
        "committed",
        "content_events",
        "done",
        "error",
        "finished",
        "flowing",
        "usage",
    )

    def __init__(self, *, resumed: bool = False) -> None:
        self.flowing = False
        self.committed = False
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.content_events = 0
        self.error: BackendError | None = None
        self._resumed = resumed
        self._shift = 0
        self._opening = b""
        self._usage: Mapping[str, Any] = {}
        self._tail = b""
        self._held: list[bytes] = []
        self._terminator = _STOP

    @property
    def usage_begun(self) -> Usage | None:
        """What `message_start` said: the input is exact, the output only begun. For an answer that was cut."""
        return read_usage(self._usage)

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole."""
        if self.done or self.error is not None:
            return b""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if not data.endswith((b"\n\n", b"\r\n\r\n")):
            data = self._whole_events(data)
        if self.committed and not _says_something(data):
            self.content_events += data.count(b'_delta"') // 2  # the event's type, and the delta's
            return self._renumbered(data)
        return self._listen(data)

    def close(self) -> bytes:
        """The end: what was held back and the terminator; ConnectionLost when the answer was not whole."""
        last = self._last_event()
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without a stop reason")
        held, self._held = b"".join(self._held), []
        return last + held + self._terminator

    def _last_event(self) -> bytes:
        """An upstream may leave out the blank line after its last event; one that is cut inside it was cut off."""
        tail, self._tail = self._tail.rstrip(b"\r\n"), b""
        if not tail:
            return b""
        try:
            return self._listen(tail + b"\n\n")
        except BadAnswer as error:
            raise ConnectionLost("the stream ended inside an event") from error

    def _whole_events(self, data: bytes) -> bytes:
        """Keep the unfinished event at the end for the next feed."""
        whole, self._tail = whole_events(data)
        if len(self._tail) > LONGEST_EVENT:
            raise BadAnswer(f"an event of more than {LONGEST_EVENT} bytes")
        return whole

    def _listen(self, data: bytes) -> bytes:
        for event in _split(data):
            if self.error is not None or self.done:
                break
            self._hear(event)
        if not (self.committed if self._resumed else self.flowing):
            return b""
        passed, self._held = b"".join(self._held), []
        return passed

    def _hear(self, event: bytes) -> None:
        payload = _payload(event)
        said = next(iter(read_objects(payload)), {}) if payload else {}
        kind = said.get("type")
        if kind == "message_stop":
            self.done, self._terminator = True, event
        elif kind == "error":
            self.error = error_in_answer(said)
        else:
            if kind in ("content_block_start", "content_block_delta"):
                self._hear_content(said, event)
            elif kind in ("message_start", "message_delta"):
                self._hear_message(said)
            self._hold(event)

    def _hear_content(self, said: Mapping[str, Any], event: bytes) -> None:
        delta = said.get("delta")
        if isinstance(delta, dict):
            self.flowing = True
            self.content_events += 1
            if delta.get("type") in _CONTENT_DELTAS:
                self._commit(said)
            return
        block = said.get("content_block")
        block = block if isinstance(block, dict) else {}
        kind = block.get("type")
        self._opening = b""
        if kind in _REASONING:
            self.flowing = True
        elif kind == "text" and not block.get("text"):
            self._opening = event
        else:
            self._commit(said)

    def _hear_message(self, said: Mapping[str, Any]) -> None:
        message = said.get("message")
        self._usage = merged(self._usage, (message if isinstance(message, dict) else said).get("usage"))
        if said.get("type") == "message_start":
            return
        self.usage = read_usage(self._usage)
        delta = said.get("delta")
        if isinstance(delta, dict) and delta.get("stop_reason"):
            self.finished = True

    def _commit(self, said: Mapping[str, Any]) -> None:
        if self._resumed and not self.committed:
            # The caller has a message with one block of another attempt's reasoning, and it is open. This answer's
            # first block follows as its second, whatever number it has here.
            self._shift = 1 - int(said.get("index") or 0)
            self._held = [_CLOSE_FIRST, self._renumbered(self._opening)]
        self.committed = self.flowing = True

    def _hold(self, event: bytes) -> None:
        if not self._resumed or self.committed:
            self._held.append(self._renumbered(event))
        elif self.finished:  # with nothing but reasoning: only the end is still owed
            self._held = [_CLOSE_FIRST, event]

    def _renumbered(self, data: bytes) -> bytes:
        """With the numbers that the caller's blocks have. An unescaped `"index":` cannot stand in a text."""
        if not self._shift:
            return data
        return _INDEX.sub(lambda found: b"%b%d" % (found[1], int(found[2]) + self._shift), data)


def _says_something(data: bytes) -> bool:
    """Whether any event in here may carry more than content. False alarms only cost a parse."""
    return b"message_delta" in data or b"message_stop" in data or b'"error"' in data


def _split(data: bytes) -> list[bytes]:
    """Whole events, each with the blank line that ends it."""
    separator = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    return [part + separator for part in data.split(separator) if part.strip()]


def _payload(event: bytes) -> bytes:
    """The event's data (several `data:` lines are joined); empty for a comment."""
    return b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
