"""A streamed answer in the common form → Anthropic's events. https://docs.anthropic.com/en/docs/build-with-claude/streaming"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from backends.types import ChatRequest, Chunk, Usage
from gateway.dialects.anthropic_answer import citations_in, counts_of, message_id, reasoning_text, stop_of
from gateway.dialects.anthropic_stream_blocks import BlockWriter
from gateway.dialects.anthropic_thinking import shows_thinking

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOPPED = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessageEncoder:
    """Implements gateway.dialects.base.StreamEncoder. Anthropic's answers have one choice: the first."""

    __slots__ = ("_begun", "_blocks", "_calls", "_chat", "_ending", "_name", "_refused", "_shows_thinking")

    def __init__(self, chat: ChatRequest) -> None:
        self._chat = chat
        self._blocks = BlockWriter()
        self._begun = False
        self._name = ""
        self._calls: list[tuple[Any, str]] = []
        """Of each call: the provider's number or name of it, and its id."""
        self._refused = False
        self._ending: Mapping[str, Any] = {}
        """The choice that said why the answer ended."""
        self._shows_thinking = shows_thinking(chat.native)

    def encode(self, chunks: Sequence[Chunk]) -> bytes:
        """Events for these chunks. What begins before the arguments of a call are whole is held back."""
        for chunk in chunks:
            if not self._begun:
                self._begin(chunk)
            for choice in chunk["choices"]:
                if not choice.get("index"):
                    self._hear(choice)
        return self._blocks.take()

    def close(self, usage: Usage | None) -> bytes:
        """What waited, why it ended, and what it took."""
        if not self._begun:
            self._begin({})
        self._blocks.finish()
        reason, sequence = stop_of(self._ending, self._chat, called=bool(self._calls), refused=self._refused)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        last = orjson.dumps({"type": "message_delta", "delta": delta, "usage": counts_of(usage)})
        return b"%bevent: message_delta\ndata: %b\n\n%b" % (self._blocks.take(), last, _STOPPED)

    def _begin(self, chunk: Mapping[str, Any]) -> None:
        self._begun = True
        self._name = message_id(self._chat, chunk.get("id"))
        message: dict[str, Any] = {
            "id": self._name,
            "type": "message",
            "role": "assistant",
            "model": str(chunk.get("model") or self._chat.model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": counts_of(None),  # nobody else tells before the end: message_delta has all of it
        }
        start = orjson.dumps({"type": "message_start", "message": message})
        self._blocks.out.append(b"event: message_start\ndata: %b\n\n" % start)

    def _hear(self, choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta")
        if delta:
            text = delta.get("content") if len(delta) == 1 else None
            if type(text) is str and text:  # nearly always
                self._blocks.text(text)
            else:
                self._hear_delta(delta)
        if choice.get("finish_reason"):
            self._ending = choice
            self._blocks.finish()

    def _hear_delta(self, delta: Mapping[str, Any]) -> None:
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        details = delta.get("reasoning_details")
        text = delta.get("content")
        ends_text = (
            bool(text) and self._blocks.in_text
        )  # a signature that comes with the last of a text is of all of it
        if ends_text:
            self._blocks.text(text if isinstance(text, str) else _joined(text))
        if (thought or details) and self._shows_thinking:
            self._hear_thinking(thought, details if isinstance(details, list) else ())
        if text and not ends_text:
            self._blocks.text(text if isinstance(text, str) else _joined(text))
        refusal = delta.get("refusal")
        if refusal:
            self._refused = True
            self._blocks.text(str(refusal))
        if delta.get("annotations"):
            for citation in citations_in(delta["annotations"]):
                self._blocks.cite(citation)
        for call in delta.get("tool_calls") or ():
            self._hear_call(call)

    def _hear_thinking(self, thought: Any, details: Sequence[Any]) -> None:
        """The text stands in the details, or beside them; both is one text, told twice."""
        details = [detail for detail in details if isinstance(detail, dict)]
        if isinstance(thought, str) and thought and not any(map(reasoning_text, details)):
            self._blocks.think(thought)
        for detail in details:
            if detail.get("type") == "reasoning.encrypted":
                if isinstance(detail.get("data"), str):
                    self._blocks.redact(detail)
            else:
                key = detail.get("index")
                self._blocks.think(reasoning_text(detail), key)
                self._blocks.sign(detail, key)

    def _hear_call(self, call: Mapping[str, Any]) -> None:
        function = call.get("function") or {}
        name, piece = function.get("name"), function.get("arguments")
        if isinstance(piece, dict):  # some providers give the object itself
            piece = orjson.dumps(piece).decode()
        number = self._number_of(call, named=bool(name))
        if piece == "null":
            piece = ""
        self._blocks.call(number, self._calls[number][1], str(name or ""), piece or "")

    def _number_of(self, call: Mapping[str, Any], *, named: bool) -> int:
        """Which call this is a piece of: by its index; where that is missing, or is the same for all, by its id."""
        index, given = call.get("index"), call.get("id")
        for number in range(len(self._calls) - 1, -1, -1):
            key, call_id = self._calls[number]
            if index is not None and key == index and not (named and given and given != call_id):
                return number
            if index is None and (given == call_id or not (given or named)):
                return number
        number = len(self._calls)
        self._calls.append((index, given if isinstance(given, str) and given else f"{self._name}_{number}"))
        return number


def _joined(parts: Any) -> str:
    """Some providers answer in parts."""
    if not isinstance(parts, list):
        return str(parts)
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
