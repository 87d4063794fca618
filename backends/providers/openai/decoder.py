"""A streamed answer of OpenAI's protocol, decoded for callers who speak something else.

Its chunks are the common form already; what is left to do is to tell apart what stands in them, and to mend what
providers write their own way (choices.py, tool_calls.py).
"""

from collections.abc import Sequence
from typing import Any

from backends.errors import BackendError, ConnectionLost
from backends.providers.openai.choices import mend_delta, sources_of
from backends.providers.openai.errors import failure_in_choice, find_error
from backends.providers.openai.response import usage_of
from backends.providers.openai.tool_calls import ToolCalls
from backends.sse import ServerSentEvent, SseDecoder, read_objects
from backends.types import Chunk, Usage

_PADDING = frozenset({"obfuscation", "p", "x_groq"})
"""Of OpenAI's and Mistral's chunks, against those who count bytes; and Groq's second place for its usage."""


class OpenAIStreamDecoder:
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = ("_calls", "_choices", "_ended", "_events", "_head", "_sourced", "done", "error", "finished", "usage")

    def __init__(self, choices: int = 1) -> None:
        self._events = SseDecoder()
        self._choices = choices
        self._ended: set[int] = set()
        self._calls: dict[int, ToolCalls] = {}
        """By choice; who is in here has begun."""
        self._head: Chunk = {}
        """The newest chunk with choices: what stands around them is the same in all."""
        self._sourced = False
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
        if self.finished:
            return last
        if not (self.done and (self.usage is not None or self._ended) and self._calls):
            raise ConnectionLost("the stream ended without a finish reason")
        # Snowflake ends a whole answer without one; what tells is usage and terminator. Some ignore `n`.
        self.finished = True
        ends: list[dict[str, Any]] = [
            {"index": index, "delta": {}, "finish_reason": "tool_calls" if calls.made else "stop"}
            for index, calls in self._calls.items()
            if index not in self._ended
        ]
        return [*last, {**self._head, "choices": ends}] if ends else last

    def _hear(self, events: Sequence[ServerSentEvent]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if self.done or self.error is not None:
                break
            if event.data.startswith(b"[DONE]"):
                self.done = True
                break
            if event.data.isspace() or not event.data:
                continue
            for chunk in read_objects(event.data):
                self.error = find_error(chunk)
                if self.error is not None:
                    return chunks
                if self._hear_chunk(chunk):
                    chunks.append(chunk)
        return chunks

    def _hear_chunk(self, chunk: dict[str, Any]) -> bool:
        """Mend it. Returns whether it says anything to the caller."""
        usage = usage_of(chunk)
        if usage is not None:
            self.usage = usage  # several providers tell it with each chunk: the last counts
        chunk.pop("usage", None)
        choices = chunk.get("choices")
        if type(choices) is not list or not choices:
            return False
        for name in _PADDING & chunk.keys():
            del chunk[name]
        for place, choice in enumerate(choices):
            if type(choice) is not dict:
                chunk["choices"] = []
                return False
            self._hear_choice(choice, place, chunk)
            if self.error is not None:
                return False
        self._head = chunk
        return True

    def _hear_choice(self, choice: dict[str, Any], place: int, chunk: dict[str, Any]) -> None:
        self.error = failure_in_choice(choice)
        if self.error is not None:
            return
        index = choice.get("index")
        if type(index) is not int:
            index = choice["index"] = place
        calls, first = self._calls.get(index), False
        if calls is None:
            calls, first = ToolCalls(chunk.get("id")), True
            self._calls[index] = calls
        mend_delta(choice, calls, first=first)
        if choice.get("finish_reason"):
            self._ended.add(index)
            self.finished = len(self._ended) >= self._choices
            if not self._sourced and (sources := sources_of(chunk)):
                self._sourced = True
                choice["delta"].setdefault("annotations", sources)
