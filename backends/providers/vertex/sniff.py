"""Whose protocol an answer is in. One provider holds models of both, and an answer is read without its target."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from backends.adapter import StreamDecoder
from backends.errors import BackendError, ConnectionLost
from backends.types import Chunk, Usage

_NAMED = b"event:"
_LONGEST_BEGINNING = 4 << 10


def is_anthropics(body: bytes) -> bool:
    """Of a whole answer, or an error: Anthropic's objects say their type, Google's have none."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, Mapping) and answer.get("type") in ("message", "error")


class SniffingDecoder:
    """Implements backends.adapter.StreamDecoder: the first line tells. Anthropic names its events, Google doesn't."""

    __slots__ = ("_anthropics", "_begun", "_decoder", "_googles")

    def __init__(self, anthropics: Callable[[], StreamDecoder], googles: Callable[[], StreamDecoder]) -> None:
        self._anthropics = anthropics
        self._googles = googles
        self._begun = b""
        self._decoder: StreamDecoder | None = None

    @property
    def finished(self) -> bool:
        """The upstream said why it stopped."""
        return self._decoder is not None and self._decoder.finished

    @property
    def done(self) -> bool:
        """Nothing more is awaited."""
        return self._decoder is not None and self._decoder.done

    @property
    def usage(self) -> Usage | None:
        """As reported so far."""
        return None if self._decoder is None else self._decoder.usage

    @property
    def error(self) -> BackendError | None:
        """An error that the upstream put into the stream."""
        return None if self._decoder is None else self._decoder.error

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        if self._decoder is not None:
            return self._decoder.feed(data)
        self._begun += data
        said = _first_line(self._begun)
        if len(said) < len(_NAMED) and _NAMED.startswith(said) and len(self._begun) < _LONGEST_BEGINNING:
            return []
        self._decoder = self._anthropics() if said.startswith(_NAMED) else self._googles()
        begun, self._begun = self._begun, b""
        return self._decoder.feed(begun)

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        if self._decoder is None:
            raise ConnectionLost("the stream ended before it began")
        return self._decoder.close()


def _first_line(data: bytes) -> bytes:
    """That is no comment, nor empty."""
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    while data.startswith(b":"):
        _, _, data = data.partition(b"\n")
        data = data.lstrip()
    return data
