"""The events of one output item each, from its opening to its close: reasoning, a message, a function call."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from gateway.dialects.openai_responses_output import (
    Item,
    annotation,
    call_item,
    is_known,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
)
from gateway.dialects.openai_responses_reasoning import Detail, merge, summaries_of, text_of


class Events(Protocol):
    """Where events go."""

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One event, numbered there."""

    def delta(self, prefix: bytes, text: str) -> None:
        """An event whose last field but the number is this text."""


class Writer(Protocol):
    """An item under way."""

    index: int

    def close(self, status: str = "completed") -> Item:
        """Its last events; the item whole, or `incomplete`."""


def _prefix(kind: str, fields: Mapping[str, Any]) -> bytes:
    """All of a delta event up to the text."""
    head = orjson.dumps({"type": kind, **fields})
    return b'event: %b\ndata: %b,"delta":' % (kind.encode("ascii"), head[:-1])


class ReasoningWriter:
    """Reasoning: text as it comes, the summary by its parts, and at the end what the provider wants back."""

    __slots__ = ("_delta", "_details", "_events", "_id", "_shown", "_texts", "index")

    def __init__(self, events: Events, item_id: str, index: int) -> None:
        self._events, self._id, self.index = events, item_id, index
        self._texts: list[str] = []
        self._details: list[Detail] = []
        self._delta: bytes | None = None
        self._shown = 0
        """Summary parts that have been told."""
        item = {"id": item_id, "type": "reasoning", "status": "in_progress", "summary": []}
        events.event("response.output_item.added", {"output_index": index, "item": item})

    def add(self, text: str, details: Sequence[Any]) -> None:
        """What one delta brings."""
        if details:
            self.add_details(details)
            if not text:
                text = text_of([detail for detail in details if isinstance(detail, dict)])
        if not text:
            return
        if self._delta is None:
            self._delta = _prefix("response.reasoning_text.delta", self._place(content_index=0))
            self._events.event(
                "response.content_part.added",
                {**self._place(content_index=0), "part": {"type": "reasoning_text", "text": ""}},
            )
        self._texts.append(text)
        self._events.delta(self._delta, text)

    def add_details(self, details: Sequence[Any]) -> None:
        """For the close; summaries are told at once."""
        merge(self._details, details)
        for detail in details:
            if isinstance(detail, dict) and detail.get("type") == "reasoning.summary" and detail.get("summary"):
                self._add_summary(detail["summary"])

    def close(self, status: str = "completed") -> Item:
        """The item whole."""
        text = "".join(self._texts)
        if self._delta is not None:
            place = self._place(content_index=0)
            self._events.event("response.reasoning_text.done", {**place, "text": text})
            self._events.event(
                "response.content_part.done", {**place, "part": {"type": "reasoning_text", "text": text}}
            )
        self._close_summary()
        item = reasoning_item(self._id, text, self._details, status)
        self._events.event("response.output_item.done", {"output_index": self.index, "item": item})
        return item

    def _place(self, **more: int) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": self.index, **more}

    def _add_summary(self, text: str) -> None:
        """A part is closed when the next one begins: that is when `merge` has made another detail of it."""
        parts = len(summaries_of(self._details))
        if parts > self._shown:
            self._close_summary()
            self._shown = parts
            self._events.event(
                "response.reasoning_summary_part.added",
                {**self._place(summary_index=parts - 1), "part": {"type": "summary_text", "text": ""}},
            )
        self._events.event(
            "response.reasoning_summary_text.delta", {**self._place(summary_index=parts - 1), "delta": text}
        )

    def _close_summary(self) -> None:
        if not self._shown:
            return
        place = self._place(summary_index=self._shown - 1)
        text = summaries_of(self._details)[self._shown - 1]
        self._events.event("response.reasoning_summary_text.done", {**place, "text": text})
        self._events.event(
            "response.reasoning_summary_part.done", {**place, "part": {"type": "summary_text", "text": text}}
        )


class MessageWriter:
    """A message: text, then perhaps a refusal, each a part."""

    __slots__ = (
        "_annotations",
        "_cited",
        "_delta",
        "_events",
        "_id",
        "_logprobs",
        "_parts",
        "_refusal",
        "_texts",
        "index",
    )

    def __init__(self, events: Events, item_id: str, index: int) -> None:
        self._events, self._id, self.index = events, item_id, index
        self._texts: list[str] = []
        self._refusal: list[str] = []
        self._annotations: list[Item] = []
        self._cited = 0
        self._logprobs: list[Any] = []
        self._parts: list[Item] = []
        self._delta: bytes | None = None
        """Of the open text part."""
        events.event(
            "response.output_item.added", {"output_index": index, "item": message_item(item_id, [], "in_progress")}
        )

    @property
    def plain(self) -> bool:
        """A text part is open: more text is one event."""
        return self._delta is not None

    def add_plain(self, text: str) -> None:
        """More text for the part that is open."""
        assert self._delta is not None
        self._texts.append(text)
        self._events.delta(self._delta, text)

    def add_text(self, text: str, logprobs: Sequence[Any] = ()) -> None:
        """Text; the part is opened where it is not."""
        self._open_text()
        if not logprobs:
            self.add_plain(text)
            return
        self._texts.append(text)
        self._logprobs += logprobs
        self._events.event(
            "response.output_text.delta", {**self._place(), "delta": text, "logprobs": [_brief(p) for p in logprobs]}
        )

    def add_annotations(self, given: Sequence[Any]) -> None:
        """Citations: of the text so far."""
        self._open_text()
        for one in given:
            if not isinstance(one, dict):
                continue
            made = annotation(one)
            if is_known(made):
                self._events.event(
                    "response.output_text.annotation.added",
                    {**self._place(), "annotation_index": self._cited, "annotation": made},
                )
                self._cited += 1
            self._annotations.append(one)

    def add_refusal(self, text: str) -> None:
        """A refusal: a part of its own."""
        if not self._refusal:
            self._close_text()
            self._events.event("response.content_part.added", {**self._place(), "part": refusal_part("")})
        self._refusal.append(text)
        self._events.event("response.refusal.delta", {**self._place(), "delta": text})

    def close(self, status: str = "completed") -> Item:
        """The item whole."""
        self._close_text()
        self._close_refusal()
        item = message_item(self._id, self._parts, status)
        self._events.event("response.output_item.done", {"output_index": self.index, "item": item})
        return item

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": self.index, "content_index": len(self._parts)}

    def _open_text(self) -> None:
        if self._delta is not None:
            return
        self._close_refusal()
        self._events.event("response.content_part.added", {**self._place(), "part": text_part("")})
        self._delta = _prefix("response.output_text.delta", {**self._place(), "logprobs": []})

    def _close_text(self) -> None:
        if self._delta is None:
            return
        text = "".join(self._texts)
        brief = [_brief(one) for one in self._logprobs]
        self._events.event("response.output_text.done", {**self._place(), "text": text, "logprobs": brief})
        self._close_part(text_part(text, self._annotations, self._logprobs))
        self._delta, self._texts, self._annotations, self._logprobs, self._cited = None, [], [], [], 0

    def _close_refusal(self) -> None:
        if not self._refusal:
            return
        refusal, self._refusal = "".join(self._refusal), []
        self._events.event("response.refusal.done", {**self._place(), "refusal": refusal})
        self._close_part(refusal_part(refusal))

    def _close_part(self, part: Item) -> None:
        self._events.event("response.content_part.done", {**self._place(), "part": part})
        self._parts.append(part)


def _brief(logprob: Any) -> Any:
    """As events have them: https://platform.openai.com/docs/api-reference/responses-streaming/response/output_text/delta"""
    if not isinstance(logprob, dict):
        return logprob
    top = [{"token": o.get("token"), "logprob": o.get("logprob")} for o in logprob.get("top_logprobs") or ()]
    return {"token": logprob.get("token"), "logprob": logprob.get("logprob"), "top_logprobs": top}


class CallWriter:
    """A function call: its name at once, its arguments as they come."""

    __slots__ = ("_arguments", "_call", "_delta", "_events", "_id", "index")

    def __init__(self, events: Events, item_id: str, index: int, call: Mapping[str, Any]) -> None:
        self._events, self._id, self.index = events, item_id, index
        self._call = call
        self._arguments: list[str] = []
        self._delta = _prefix("response.function_call_arguments.delta", {"item_id": item_id, "output_index": index})
        item = {**call_item(item_id, call, "in_progress"), "arguments": ""}
        events.event("response.output_item.added", {"output_index": index, "item": item})

    @property
    def whole(self) -> bool:
        """Whether the arguments are complete JSON by now."""
        try:
            orjson.loads("".join(self._arguments))
        except orjson.JSONDecodeError:
            return False
        return True

    def add(self, text: str) -> None:
        """A piece of the arguments."""
        self._arguments.append(text)
        self._events.delta(self._delta, text)

    def close(self, status: str = "completed") -> Item:
        """The item whole."""
        function = {**(self._call.get("function") or {}), "arguments": "".join(self._arguments)}
        item = call_item(self._id, {**self._call, "function": function}, status)
        self._events.event(
            "response.function_call_arguments.done",
            {"item_id": self._id, "output_index": self.index, "name": item["name"], "arguments": item["arguments"]},
        )
        self._events.event("response.output_item.done", {"output_index": self.index, "item": item})
        return item
