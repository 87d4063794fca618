"""A streamed message as server-sent events, decoded for callers who speak something else."""

from collections.abc import Sequence

from backends.errors import BadAnswer
from backends.providers.anthropic.events import MessageEvents
from backends.sse import ServerSentEvent, SseDecoder, read_objects
from backends.types import ChatRequest, Chunk


class AnthropicStreamDecoder(MessageEvents):
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = ("_events",)

    def __init__(self, chat: ChatRequest) -> None:
        super().__init__(chat)
        self._events = SseDecoder()

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        return self._read(self._events.feed(data))

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        try:
            last = self._read(self._events.close())
        except BadAnswer:  # cut inside an event
            last = []
        self.check_whole()
        return last

    def _read(self, events: Sequence[ServerSentEvent]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            for said in read_objects(event.data):
                if self.done or self.error is not None:
                    return chunks
                chunk = self.hear(said)
                if chunk is not None:
                    chunks.append(chunk)
        return chunks
