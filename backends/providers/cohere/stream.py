"""A streamed answer of Cohere's chat in the common form. https://docs.cohere.com/reference/chat-stream

message-start; tool-plan-delta; for each block content-start, content-delta, content-end; for each call tool-call-start
(whose `tool_calls` is one object), tool-call-delta, tool-call-end; citation-start in between; message-end, with why it
ended and the usage.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.cohere.answer import (
    THINKING,
    TOOL_PLAN,
    annotations,
    failed,
    finish,
    logprobs,
    thought,
)
from backends.providers.cohere.errors import failed_answer, read_error
from backends.providers.cohere.usage import read_usage
from backends.sse import ServerSentEvent, SseDecoder, read_objects
from backends.types import ChatRequest, Chunk, Usage

_PLAN = "plan"


class CohereStreamDecoder:
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = (
        "_calls",
        "_created",
        "_events",
        "_id",
        "_model",
        "_silent",
        "_thoughts",
        "done",
        "error",
        "finished",
        "usage",
    )

    def __init__(self, chat: ChatRequest) -> None:
        self._events = SseDecoder()
        self._id = ""
        self._created = chat.created
        self._model = chat.model
        self._calls: dict[Any, int] = {}
        self._silent: set[Any] = set()  # calls without arguments so far
        self._thoughts: dict[Any, int] = {}
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.error: BackendError | None = None

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        return self._hear(self._events.feed(data))

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        last = self._hear(self._events.close()) if not self.done else ()
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
            if event.data == b"[DONE]":
                self.done = True
                break
            for said in read_objects(event.data):
                try:
                    choice = self._content(said) if said.get("type") == "content-delta" else self._hear_event(said)
                except (AttributeError, KeyError, TypeError) as error:
                    raise BadAnswer("an event without what belongs to it") from error
                if choice is not None:
                    chunks.append(self._chunk(choice))
        return chunks

    def _chunk(self, choice: dict[str, Any]) -> Chunk:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }

    def _hear_event(self, event: dict[str, Any]) -> dict[str, Any] | None:
        kind = event.get("type")
        if kind is None and "message" in event:  # an error, in the shape of an error answer
            self.error = read_error(500, {}, orjson.dumps(event))
            return None
        if kind == "content-start":
            return self._content(event)
        if kind == "message-end":
            return self._end(event["delta"])
        delta = self._turn(kind, event)
        return None if delta is None else {"index": 0, "delta": delta, "finish_reason": None}

    def _content(self, event: dict[str, Any]) -> dict[str, Any] | None:
        content = event["delta"]["message"]["content"]
        text = content.get("text")
        if text:
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            if "logprobs" in event:
                items = event["logprobs"]
                choice["logprobs"] = logprobs(items if isinstance(items, list) else [items])
            return choice
        text = content.get("thinking")
        if not text:
            return None
        return {"index": 0, "delta": self._thought(text, THINKING, event.get("index")), "finish_reason": None}

    def _thought(self, text: str, owner: str, block: Any) -> dict[str, Any]:
        index = self._thoughts.setdefault(block, len(self._thoughts))
        return {"reasoning_content": text, "reasoning": text, "reasoning_details": [thought(text, owner, index)]}

    def _turn(self, kind: Any, event: dict[str, Any]) -> dict[str, Any] | None:
        if kind == "tool-plan-delta":
            text = event["delta"]["message"]["tool_plan"]
            return self._thought(text, TOOL_PLAN, _PLAN) if text else None
        if kind == "tool-call-start":
            return self._call(_one(event["delta"]["message"]["tool_calls"]), event.get("index"))
        if kind == "tool-call-delta":
            call = _one(event["delta"]["message"]["tool_calls"])
            return self._arguments(call["function"]["arguments"], event.get("index"))
        if kind == "tool-call-end":  # no arguments are `{}`, since nothing is no JSON
            return self._arguments("{}", event.get("index")) if event.get("index") in self._silent else None
        if kind == "citation-start":
            return {"annotations": annotations(_one(event["delta"]["message"]["citations"]))}
        if kind == "message-start":
            self._id = str(event.get("id") or "")
            return {"role": "assistant", "content": ""}
        return None

    def _call(self, call: dict[str, Any], index: Any) -> dict[str, Any]:
        number = self._calls[index] = len(self._calls)
        function, begun = call["function"], call["function"].get("arguments") or ""
        if not begun:
            self._silent.add(index)
        said = {"name": function["name"], "arguments": begun}
        return {"tool_calls": [{"index": number, "id": call["id"], "type": "function", "function": said}]}

    def _arguments(self, piece: str, index: Any) -> dict[str, Any] | None:
        if not piece:
            return None
        self._silent.discard(index)
        return {"tool_calls": [{"index": self._calls[index], "function": {"arguments": piece}}]}

    def _end(self, delta: dict[str, Any]) -> dict[str, Any] | None:
        self.usage = read_usage(delta.get("usage")) or self.usage
        reason = delta.get("finish_reason")
        if failed(reason):
            self.error = failed_answer(str(reason))
            return None
        self.finished = True
        return {"index": 0, "delta": {}, **finish(reason)}


def _one(value: Any) -> dict[str, Any]:
    """An object where a list would be expected; should it become one, its only entry."""
    return value[0] if isinstance(value, list) else value  # type: ignore[no-any-return]
