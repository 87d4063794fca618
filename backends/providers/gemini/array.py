"""A JSON array that arrives in pieces → its objects, sans-io: how Gemini streams where `alt=sse` is not asked for.

`[{…},\\n{…}]`: nothing in it says where an object ends but its own braces.
"""

import re
from typing import Any

import orjson

from backends.errors import BadAnswer
from backends.sse import LONGEST_EVENT

_MARKS = re.compile(rb'["\\{}\]]')
_QUOTE, _BACKSLASH, _OPEN, _CLOSE = b'"\\{}'


class ArrayDecoder:
    """Fed with the array's bytes in any cut."""

    __slots__ = ("_at", "_begun", "_depth", "_in_string", "_tail", "ended")

    def __init__(self) -> None:
        self._tail = b""
        self._at = 0
        """How far the tail has been looked through."""
        self._begun = 0
        self._depth = 0
        self._in_string = False
        self.ended = False
        """The closing bracket has been seen."""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The objects that are now whole. Raises BadAnswer on an unfinished one past all bounds."""
        data = self._tail + data
        found: list[dict[str, Any]] = []
        at, kept = self._at, 0
        while not self.ended and (mark := _MARKS.search(data, at)) is not None:
            at = mark.end()
            byte = data[at - 1]
            if self._in_string:
                if byte == _BACKSLASH:
                    if at == len(data):  # what it escapes is still to come
                        at -= 1
                        break
                    at += 1
                elif byte == _QUOTE:
                    self._in_string = False
            elif byte == _CLOSE:
                self._depth -= 1
                if self._depth == 0:
                    found.append(_object(data[self._begun : at]))
                    kept = at
            else:
                self._enter(byte, at)
        else:
            at = len(data)
        self._tail, self._at, self._begun = data[kept:], at - kept, self._begun - kept
        if len(self._tail) > LONGEST_EVENT:
            raise BadAnswer(f"an event of more than {LONGEST_EVENT} bytes")
        return found

    def _enter(self, byte: int, at: int) -> None:
        if byte == _QUOTE:
            self._in_string = True
        elif byte == _OPEN:
            if self._depth == 0:
                self._begun = at - 1
            self._depth += 1
        elif self._depth == 0:  # a bracket within an object is some list's
            self.ended = True


def _object(data: bytes) -> dict[str, Any]:
    try:
        value: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("an element of the stream's array that is not JSON") from error
    return value
