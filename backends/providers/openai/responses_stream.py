"""A streamed answer of the Responses API on its way through: whole events pass as the bytes they came as.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from typing import Any

import orjson

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.openai.responses import failure_in, read_responses_usage
from backends.sse import whole_events
from backends.types import Usage

LONGEST_EVENT = 8 << 20
"""The last event repeats the whole answer, and some images are part of it."""
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_BEGINS = frozenset({"response.created", "response.in_progress", "response.queued"})
_PREPARES = frozenset({"message", "reasoning"})
"""Items that are nothing to see before their first text."""


class ResponsesRelay:
    """Implements backends.adapter.StreamRelay. Nothing is passed on before there is something to see, and the event
    that ends the answer is held back for `close`, so that the ledger comes first."""

    __slots__ = (
        "_held",
        "_last",
        "_resumed",
        "_tail",
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
        self._tail = b""
        self._held: list[bytes] = []
        self._last = b""

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole."""
        if self.done or self.error is not None:
            return b""
        if self._tail:
            data = self._tail + data
        data, self._tail = whole_events(data)
        if len(self._tail) > LONGEST_EVENT:
            raise BadAnswer(f"an event of more than {LONGEST_EVENT} bytes")
        if self.committed and b'"response":' not in data and b'"error"' not in data:
            self.content_events += data.count(b'.delta"')
            return data
        return self._listen(data)

    def close(self) -> bytes:
        """The end: what was held back and the last event; ConnectionLost when the answer was not whole."""
        last = self._last_event()
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without its last event")
        held, self._held = b"".join(self._held), []
        return last + held + self._last

    def _last_event(self) -> bytes:
        """An upstream may leave out the blank line after its last event; one that is cut inside it was cut off."""
        tail, self._tail = self._tail.rstrip(b"\r\n"), b""
        if not tail or self.done:
            return b""
        try:
            return self._listen(tail + b"\n\n")
        except BadAnswer as error:
            raise ConnectionLost("the stream ended inside an event") from error

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
        if payload is None:
            self._held.append(event)
            return
        if payload == b"[DONE]":
            return
        said = _object(payload)
        kind = said.get("type")
        if kind in _ENDS:
            self._hear_end(kind, said, event)
        elif kind == "error" or said.get("error"):
            self.error = failure_in(said)
        elif not self._is_swallowed(kind, said):
            self._hear_content(kind, said)
            self._held.append(event)

    def _hear_end(self, kind: str, said: dict[str, Any], event: bytes) -> None:
        response = said.get("response")
        if not isinstance(response, dict):
            raise BadAnswer("the last event holds no response")
        usage = read_responses_usage(response.get("usage"))
        if usage is not None:
            self.usage = usage
        if kind in ("response.failed", "response.cancelled"):
            self.error = failure_in(response)
            return
        self.finished = self.done = True
        self._last = event

    def _hear_content(self, kind: Any, said: dict[str, Any]) -> None:
        if not isinstance(kind, str):
            return
        if kind.endswith(".delta"):
            if said.get("delta"):
                self.content_events += 1
                self.flowing = True
                self.committed = self.committed or ".reasoning_" not in kind
        elif kind == "response.output_item.added":
            item = said.get("item")
            if isinstance(item, dict) and item.get("type") not in _PREPARES:  # a call: of a function, or of its own
                self.committed = self.flowing = True

    def _is_swallowed(self, kind: Any, said: dict[str, Any]) -> bool:
        """Of an answer begun anew, what the caller has seen of another attempt's: the beginning, and the reasoning."""
        if not self._resumed or self.committed:
            return False
        kinds = [inner.get("type") for name in ("item", "part") if isinstance(inner := said.get(name), dict)]
        return kind in _BEGINS or "reasoning" in f"{kind} {kinds}"


def _split(data: bytes) -> list[bytes]:
    """Whole events, each with the blank line that ends it."""
    separator = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    return [part + separator for part in data.split(separator) if part.strip()]


def _payload(event: bytes) -> bytes | None:
    """The event's data (several `data:` lines are joined), or None for a comment."""
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def _object(payload: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("an event whose data is not JSON") from error
    if not isinstance(said, dict):
        raise BadAnswer("an event whose data is not an object")
    return said
