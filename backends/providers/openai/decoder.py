"""A streamed answer of OpenAI's protocol, decoded for callers who speak something else.

Its chunks are the common form already; what is left to do is to tell apart what stands in them, and to mend what
providers write their own way.
"""

from collections.abc import Sequence
from typing import Any

from backends.errors import BackendError, ConnectionLost
from backends.providers.openai.errors import error_in_answer
from backends.providers.openai.response import read_usage
from backends.sse import ServerSentEvent, SseDecoder, read_objects
from backends.types import Chunk, Usage


class OpenAIStreamDecoder:
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = ("_events", "done", "error", "finished", "usage")

    def __init__(self) -> None:
        self._events = SseDecoder()
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.error: BackendError | None = None

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        return self._hear(self._events.feed(data))

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        last = self._hear(self._events.close())
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without a finish reason")
        return last

    def _hear(self, events: Sequence[ServerSentEvent]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if self.done or self.error is not None:
                break
            if event.data.strip() == b"[DONE]":
                self.done = True
                break
            for chunk in read_objects(event.data):
                if chunk.get("error"):
                    self.error = error_in_answer(chunk)
                    return chunks
                self._hear_chunk(chunk)
                if chunk["choices"]:
                    chunks.append(chunk)
        return chunks

    def _hear_chunk(self, chunk: dict[str, Any]) -> None:
        usage = read_usage(chunk.pop("usage", None))
        if usage is not None:
            self.usage = usage
        choices = chunk.get("choices")
        chunk["choices"] = choices = choices if isinstance(choices, list) else []
        for choice in choices:
            if choice.get("finish_reason"):
                self.finished = True
