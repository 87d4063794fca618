"""Bytes → server-sent events, sans-io: any cut of the bytes gives the same events.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import json
from typing import Any, NamedTuple

import orjson

from backends.errors import BadAnswer

LONGEST_EVENT = 1 << 20
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event that carries data."""

    event: bytes
    """Its type; empty where the stream names none."""
    data: bytes
    """Several `data:` lines are joined by line feeds."""


class SseDecoder:
    """Fed with a stream's bytes. Comments, and events without data, are nothing; so are `id:` and `retry:`."""

    __slots__ = ("_begun", "_longest", "_tail")

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._tail = b""
        self._begun = False
        self._longest = longest

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that are now whole. Raises BadAnswer on an unfinished one past all bounds."""
        if self._tail:
            data = self._tail + data
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._tail = data
                return []
            self._begun = True
            data = data.removeprefix(_BOM)
        held = b""
        if b"\r" in data:
            if data.endswith(b"\r"):  # a line feed may follow, and both are one end of a line
                data, held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        whole, _, tail = data.rpartition(b"\n\n")
        self._tail = tail + held
        if len(self._tail) > self._longest:
            raise BadAnswer(f"an event of more than {self._longest} bytes")
        return [event for part in whole.split(b"\n\n") if (event := _read(part)) is not None] if whole else []

    def close(self) -> list[ServerSentEvent]:
        """The last event, where the upstream left out the blank line after it."""
        tail, self._tail = self._tail.replace(b"\r", b"\n"), b""
        event = _read(tail)
        return [] if event is None else [event]


def whole_events(data: bytes) -> tuple[bytes, bytes]:
    """What ends with a blank line, and the unfinished event after it: for those who pass events on as bytes."""
    if data.endswith((b"\n\n", b"\r\n\r\n")):
        return data, b""
    lf, crlf = data.rfind(b"\n\n"), data.rfind(b"\r\n\r\n")
    cut = max(lf + 2 if lf >= 0 else 0, crlf + 4 if crlf >= 0 else 0)
    return data[:cut], data[cut:]


def _read(part: bytes) -> ServerSentEvent | None:
    name, lines = b"", []
    for line in part.split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            name = line[6:].strip()
        elif line == b"data":
            lines.append(b"")
    return ServerSentEvent(name, lines[0] if len(lines) == 1 else b"\n".join(lines)) if lines else None


def read_objects(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects of one event's data: one as a rule; some servers put two in a line. Raises BadAnswer."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_several(data)
    if type(value) is dict:
        return [value]
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return value
    raise BadAnswer("an event whose data is not an object")


def _read_several(data: bytes) -> list[dict[str, Any]]:
    text, at, found = data.decode("utf-8", "replace").strip(), 0, []
    decoder = json.JSONDecoder()
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise BadAnswer("an event whose data is not JSON") from error
        if not isinstance(value, dict):
            raise BadAnswer("an event whose data is not an object")
        found.append(value)
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    return found
