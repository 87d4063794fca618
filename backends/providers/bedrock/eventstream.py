"""Bytes → messages of `application/vnd.amazon.eventstream`, sans-io: any cut of the bytes gives the same messages.

Big-endian throughout: total length, headers' length, CRC-32 of those two; headers; payload; CRC-32 of all before it.
A header is its name (one byte of length before it), a byte for its type, and a value.
https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
"""

from collections.abc import Mapping
from struct import Struct
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

from backends.errors import BadAnswer, ConnectionLost

LONGEST_MESSAGE = 16 << 20
LONGEST_HEADERS = 128 << 10
MEDIA_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = Struct(">III")
_NUMBER = Struct(">I")
_SIZE = Struct(">H")
_OVERHEAD = 16
_STRING = 7
_WITH_SIZE = frozenset({6, _STRING})
# Bytes of a value by type: true, false, byte, short, int, long, timestamp, uuid.
_FIXED: Mapping[int, int] = MappingProxyType({0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16})
_MOST_HEADS = 64


class Message(NamedTuple):
    """One message, both of whose checksums held."""

    headers: Mapping[str, str]
    """Those whose values are strings, which are all that Bedrock sends."""
    payload: bytes


class EventStreamDecoder:
    """Fed with a stream's bytes. Raises BadAnswer for what breaks the format: nothing after it can be trusted."""

    __slots__ = ("_heads", "_held", "_longest", "_needed")

    def __init__(self, longest: int = LONGEST_MESSAGE) -> None:
        self._held = bytearray()
        self._needed = _PRELUDE.size
        self._longest = longest
        # Messages of one kind have the same headers, to the byte.
        self._heads: dict[bytes, Mapping[str, str]] = {}

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are now whole."""
        held = self._held
        if held:
            held += data
            if len(held) < self._needed:  # so that a long message in small pieces is not read from its start each time
                return []
            data = bytes(held)
            held.clear()
        messages: list[Message] = []
        at, size = 0, len(data)
        while at < size:
            total = self._total(data, at)
            if size - at < total:
                self._needed = total
                held += data[at:]
                break
            messages.append(self._read(data, at, total))
            at += total
        return messages

    def close(self) -> None:
        """The end. Raises ConnectionLost when it came inside a message."""
        if self._held:
            raise ConnectionLost("the stream ended inside a message")

    def _total(self, data: bytes, at: int) -> int:
        """Length of the message that begins here, or of its prelude while that is not whole."""
        if len(data) - at < _PRELUDE.size:
            return _PRELUDE.size
        total, headers, checksum = _PRELUDE.unpack_from(data, at)
        if crc32(data[at : at + 8]) != checksum:
            raise BadAnswer("a message whose prelude does not match its checksum")
        if total > self._longest:
            raise BadAnswer(f"a message of more than {self._longest} bytes")
        if headers > LONGEST_HEADERS or headers + _OVERHEAD > total:
            raise BadAnswer("a message whose lengths contradict each other")
        return int(total)

    def _read(self, data: bytes, at: int, total: int) -> Message:
        end = at + total - 4
        if crc32(data[at:end]) != _NUMBER.unpack_from(data, end)[0]:
            raise BadAnswer("a message that does not match its checksum")
        begin = at + _PRELUDE.size
        payload = begin + _NUMBER.unpack_from(data, at + 4)[0]
        head = data[begin:payload]
        headers = self._heads.get(head)
        if headers is None:
            headers = _headers(head)
            if len(self._heads) < _MOST_HEADS:
                self._heads[head] = headers
        return Message(headers, data[payload:end])


def _headers(head: bytes) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at, size = 0, len(head)
    while at < size:
        after_name = at + 1 + head[at]
        if after_name >= size:
            raise BadAnswer("a message with a broken header")
        kind, value = head[after_name], after_name + 1
        if kind in _WITH_SIZE:
            if value + 2 > size:
                raise BadAnswer("a message with a broken header")
            value, length = value + 2, _SIZE.unpack_from(head, value)[0]
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise BadAnswer(f"a message with a header of the unknown type {kind}")
        end = value + length
        if end > size:
            raise BadAnswer("a message with a broken header")
        if kind == _STRING:
            found[head[at + 1 : after_name].decode("utf-8", "replace")] = head[value:end].decode("utf-8", "replace")
        at = end
    return MappingProxyType(found)
