"""The head of a message that came whole, remembered, so that the next one like it need not be parsed.

Who speaks on a kept connection says the same again and again, but for the length of what follows. A message whose head
is, byte for byte, one that the parser has accepted (with other digits in `content-length`), and whose body is as long
as it says and came with it, means what the parser would make of it. Everything else goes to the parser.
"""

import re
from typing import Final, Self

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)
_LONGEST: Final = 4 << 10
"""Longer heads hold what changes, as a rule, and are a lot to keep for a connection."""
_IN_VAIN: Final = 8
_NOW_AND_THEN: Final = 16


def is_worth_remembering(in_vain: int) -> bool:
    """After so many that were remembered one after the other and not met again: some speakers never repeat a head."""
    return in_vain < _IN_VAIN or in_vain % _NOW_AND_THEN == 0


class KnownHead:
    """One head: what stands before the digits of its length, and what behind."""

    __slots__ = ("_after", "_after_size", "_before", "_digits_at")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._after_size = len(after)
        self._digits_at = len(before)

    @classmethod
    def of(cls, message: bytes) -> Self | None:
        """The head of a message that the parser took, whole. None for one that is long, or has no `content-length`."""
        end = message.find(b"\r\n\r\n", 0, _LONGEST) + 4
        if end < 4:
            return None
        length = _LENGTH.search(message, 0, end)
        if length is None or end + int(length[1]) != len(message):
            return None
        return cls(message[: length.start(1)], message[length.end(1) : end])

    def size_of(self, message: bytes) -> int:
        """How long the body of this message is, with which it ends; -1: another head, or not whole, or more."""
        at = self._digits_at
        if not message.startswith(self._before):
            return -1
        end = message.find(b"\r", at, at + 10)
        digits = message[at:end]
        if end < 0 or not digits.isdigit() or not message.startswith(self._after, end):
            return -1
        size = int(digits)
        return size if end + self._after_size + size == len(message) else -1

    def __repr__(self) -> str:
        return f"<KnownHead of {self._digits_at + self._after_size} bytes>"  # a head may hold a key
