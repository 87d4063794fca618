"""An answer from an upstream that does not speak the caller's dialect: decoded, and said again.

Between the two stands the common form, so that n dialects and m protocols cost n + m translators.
"""

from collections.abc import Sequence
from typing import Any

from backends.adapter import Adapter, StreamDecoder
from backends.errors import MALFORMED, BackendError, BadAnswer
from backends.types import ChatRequest, Chunk, Usage
from gateway.dialects.base import Dialect, StreamEncoder

_CONTENT = ("content", "tool_calls", "refusal", "audio", "images")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")


def read_whole(
    adapter: Adapter, dialect: Dialect, chat: ChatRequest, body: bytes, *, native: bool
) -> tuple[bytes, Usage | None]:
    """A whole answer for the caller, and its usage. `native`: its bytes pass. Raises BadAnswer or Refused."""
    try:
        if native:
            passing = adapter.parse_response(chat, body)
            return passing.body, passing.usage
        completion = adapter.read(chat, body)
        return dialect.render(chat, completion.answer, completion.usage), completion.usage
    except MALFORMED as error:
        raise BadAnswer("an answer that is not in its protocol's shape") from error


class TranslatedRelay:
    """Implements backends.adapter.StreamRelay. As with bytes that pass: nothing is handed on before there is something
    to see, and the terminator is held back for `close`, so that the ledger comes first."""

    __slots__ = ("_decoder", "_encoder", "_held", "_resumed", "committed", "content_events", "flowing")

    def __init__(self, decoder: StreamDecoder, encoder: StreamEncoder, *, resumed: bool = False) -> None:
        self._decoder = decoder
        self._encoder = encoder
        self._held: list[Chunk] = []
        self._resumed = resumed
        self.flowing = False
        self.committed = False
        self.content_events = 0

    @property
    def finished(self) -> bool:
        """The upstream said why it stopped."""
        return self._decoder.finished

    @property
    def done(self) -> bool:
        """Nothing more is awaited."""
        return self._decoder.done

    @property
    def usage(self) -> Usage | None:
        """As reported so far."""
        return self._decoder.usage

    @property
    def error(self) -> BackendError | None:
        """An error that the upstream put into the stream."""
        return self._decoder.error

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole."""
        try:
            chunks = self._decoder.feed(data)
            return self._passed(chunks) if chunks else b""
        except MALFORMED as error:
            raise BadAnswer("a stream that is not in its protocol's shape") from error

    def close(self) -> bytes:
        """The end: what was held back and the terminator; ConnectionLost when the answer was not whole."""
        try:
            last = self._decoder.close()
            self._hear(last)
            held, self._held = self._held, []
            return self._encoder.encode([*held, *self._kept(last)]) + self._encoder.close(self._decoder.usage)
        except MALFORMED as error:
            raise BadAnswer("a stream that is not in its protocol's shape") from error

    def _passed(self, chunks: Sequence[Chunk]) -> bytes:
        self._hear(chunks)
        kept = self._kept(chunks)
        if not (self.committed if self._resumed else self.flowing):
            self._held += kept
            return b""
        if self._held:
            kept, self._held = [*self._held, *kept], []
        return self._encoder.encode(kept)

    def _hear(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            for choice in chunk["choices"]:
                delta = choice.get("delta")
                if not delta:
                    continue
                if any(delta.get(name) for name in _CONTENT):
                    self.committed = self.flowing = True
                    self.content_events += 1
                elif any(delta.get(name) for name in _REASONING):
                    self.flowing = True
                    self.content_events += 1

    def _kept(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """Of an answer begun anew, the reasoning is swallowed: the caller has seen some of another attempt's."""
        if not self._resumed:
            return chunks
        return [chunk for chunk in chunks if not _is_only_reasoning(chunk["choices"])]


def _is_only_reasoning(choices: Sequence[Any]) -> bool:
    deltas = [choice.get("delta") or {} for choice in choices]
    return (
        bool(deltas)
        and all(
            any(delta.get(name) for name in _REASONING) and not any(delta.get(name) for name in _CONTENT)
            for delta in deltas
        )
        and not any(choice.get("finish_reason") for choice in choices)
    )
