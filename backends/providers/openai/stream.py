"""A streamed answer on its way through: whole events pass as the bytes they came as, and a byte search listens.

JSON is parsed only for events that may say something: those before the first content, and those that name usage,
an error, or a finish reason. See WHATWG "Server-sent events" for the framing.
"""

from typing import Any

import orjson

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.openai.errors import failure_in_choice, find_error
from backends.providers.openai.likeness import Likeness
from backends.providers.openai.response import usage_of
from backends.sse import read_objects, whole_events
from backends.types import Usage

LONGEST_EVENT = 1 << 20
_BOM = b"\xef\xbb\xbf"
_DONE = b"data: [DONE]\n\n"
_CONTENT = ("content", "tool_calls", "function_call", "refusal", "audio")
_REASONING = ("reasoning", "reasoning_content", "reasoning_details")


class OpenAIStreamRelay:
    """Implements backends.adapter.StreamRelay. Nothing is passed on before there is something to see: until the first
    content another target may still answer. The terminator is held back for `close`, so that the ledger comes first."""

    __slots__ = (
        "_choices",
        "_ended",
        "_held",
        "_hide_usage",
        "_likeness",
        "_resumed",
        "_tail",
        "_terminator",
        "committed",
        "content_events",
        "done",
        "error",
        "finished",
        "flowing",
        "usage",
    )

    def __init__(self, *, hide_usage: bool, resumed: bool = False, choices: int = 1) -> None:
        self.flowing = False
        self.committed = False
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.content_events = 0
        self.error: BackendError | None = None
        self._choices = choices
        self._ended: set[int] = set()
        self._hide_usage = hide_usage
        self._resumed = resumed
        self._tail = b""
        self._held: list[bytes] = []
        self._likeness = Likeness()
        self._terminator = _DONE

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole."""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if self._likeness.fits(data):
            self.content_events += 1
            return self.passing(data)
        if self.done or self.error is not None:
            return b""
        if not data.endswith((b"\n\n", b"\r\n\r\n")):
            data = self._whole_events(data)
        if self.committed and not _says_something(data):
            self.content_events += data.count(b"data:")
            self._likeness.learn(data)
            return self.passing(data)
        return self._listen(data)

    def close(self) -> bytes:
        """The end: what was held back and the terminator; ConnectionLost when the answer was not whole."""
        last = self._last_event()
        if self.error is not None:
            raise self.error
        if not self.finished and not (self.done and (self.usage is not None or self._ended) and self.flowing):
            # Snowflake ends a whole answer without one; what tells is usage and terminator. Some ignore `n`.
            raise ConnectionLost("the stream ended without a finish reason")
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

    def passing(self, data: bytes) -> bytes:
        """Whole events, about to go to the caller. A protocol that says things its own way changes them here."""
        return data

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
        if self.error is not None or self.done:
            self._likeness = Likeness()  # nothing fits any more: whatever follows is not the answer's
        if not (self.committed if self._resumed else self.flowing):
            return b""
        passed, self._held = b"".join(self._held), []
        return passed

    def _hear(self, event: bytes) -> None:
        payload = _payload(event)
        if not payload:
            self._held.append(event)
            return
        if payload == b"[DONE]":
            self.done, self._terminator = True, event
            return
        for chunk in _chunks(payload):
            if not self._hear_chunk(chunk):
                return
        if self._resumed and not self.committed and not self.finished:
            return
        self._held.append(self.passing(event))

    def _hear_chunk(self, chunk: dict[str, Any]) -> bool:
        """Returns whether the caller gets it."""
        self.error = find_error(chunk)
        if self.error is not None:
            return False
        choices = chunk.get("choices")
        if type(choices) is not list:
            choices = []
        usage = usage_of(chunk)
        if usage is not None:
            self.usage = usage  # several providers tell it with each chunk: the last counts
            if self._hide_usage and not choices:
                return False
        for choice in choices:
            if type(choice) is not dict:
                raise BadAnswer("a choice that is not an object")
            self.error = failure_in_choice(choice)
            if self.error is not None:
                return False
            self._hear_choice(choice)
        return True

    def _hear_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if type(delta) is dict:
            if any(delta.get(field) for field in _CONTENT):
                self.committed = self.flowing = True
                self.content_events += 1
            elif any(delta.get(field) for field in _REASONING):
                self.flowing = True
                self.content_events += 1
        if choice.get("finish_reason"):
            self._end(choice)

    def _end(self, choice: dict[str, Any]) -> None:
        """The answer is finished when as many choices have ended as were asked for."""
        index = choice.get("index")
        self._ended.add(index if type(index) is int else 0)
        self.finished = len(self._ended) >= self._choices


def _says_something(data: bytes) -> bool:
    """Whether any event in here may carry more than content. False alarms only cost a parse."""
    return (
        b'"usage":{' in data
        or b'"finish_reason":"' in data
        or b'"error"' in data
        or b"[DONE]" in data
        or b'"usage": {' in data
        or b'"finish_reason": "' in data
    )


def _split(data: bytes) -> list[bytes]:
    """Whole events, each with the blank line that ends it, and with what blank lines follow."""
    separator = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    *parts, tail = data.split(separator)
    events = [part + separator for part in parts]
    if tail and events and not tail.strip():
        events[-1] += tail
    elif tail:  # lines that end in another way than those before them
        events.append(tail)
    return events


def _payload(event: bytes) -> bytes | None:
    """The event's data (several `data:` lines are joined), or None for a comment."""
    lines = [line[5:].strip() for line in event.removeprefix(_BOM).splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def _chunks(payload: bytes) -> list[dict[str, Any]]:
    """One as a rule; some servers put two in a line."""
    try:
        chunk = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return read_objects(payload)
    if type(chunk) is not dict:
        raise BadAnswer("an event whose data is not an object")
    return [chunk]
