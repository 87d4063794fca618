"""An answer from an upstream that does not speak the caller's dialect: decoded, and said again.

Between the two stands the common form, so that n dialects and m protocols cost n + m translators.
"""

from collections.abc import Sequence
from typing import Any, Protocol

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


class Listener(Protocol):
    """Somebody who wants to know what an answer says."""

    def hear_chunks(self, chunks: Sequence[Chunk]) -> None:
        """All of them, in order."""


class TranslatedRelay:
    """Implements backends.adapter.StreamRelay. As with bytes that pass: nothing is handed on before there is something
    to see, and the terminator is held back for `close`, so that the ledger comes first."""

    __slots__ = (
        "_before",
        "_decoder",
        "_encoder",
        "_held",
        "_listener",
        "_resumed",
        "committed",
        "content_events",
        "flowing",
    )

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        *,
        resumed: bool = False,
        listener: Listener | None = None,
        before: Usage | None = None,
    ) -> None:
        """`listener` hears all that the answer says. `before`: what was generated of it by an attempt that broke off;
        the caller's usage counts it as the answer's, and not as this attempt's prompt."""
        self._decoder = decoder
        self._encoder = encoder
        self._held: list[Chunk] = []
        self._resumed = resumed
        self._listener = listener
        self._before = before
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
            return self._encoder.encode([*held, *self._kept(last)]) + self._encoder.close(self._sum())
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

    def _sum(self) -> Usage | None:
        usage, before = self._decoder.usage, self._before
        if usage is None or before is None:
            return usage
        # The begun answer was read as a part of the prompt, its newest part: none of that came from a cache.
        return usage._replace(
            input=max(usage.input - before.completion, 0),
            output=usage.output + before.output,
            reasoning=usage.reasoning + before.reasoning,
        )

    def _hear(self, chunks: Sequence[Chunk]) -> None:
        if self._listener is not None:
            self._listener.hear_chunks(chunks)
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
        return [kept for chunk in chunks if (kept := _without_reasoning(chunk)) is not None]


def _without_reasoning(chunk: Chunk) -> Chunk | None:
    """None: it said nothing else."""
    choices = [_left_of(choice) for choice in chunk["choices"]]
    left = [choice for choice in choices if choice is not None]
    return {**chunk, "choices": left} if left or not choices else None


def _left_of(choice: dict[str, Any]) -> dict[str, Any] | None:
    """A busy upstream says the end of its reasoning and the beginning of its answer in one."""
    delta = choice.get("delta") or {}
    if not any(delta.get(name) for name in _REASONING):
        return choice
    left = {name: value for name, value in delta.items() if name not in _REASONING}
    if not any(left.get(name) for name in _CONTENT) and not choice.get("finish_reason"):
        return None
    return {**choice, "delta": left}
