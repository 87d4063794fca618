"""Chunks of the common form → the Responses API's events, in OpenAI's order and numbered without a gap.

https://platform.openai.com/docs/api-reference/responses-streaming

An item is open from `output_item.added` to `output_item.done`. One kind of item is open at a time: when the model
goes on to something else, what it did before is closed. A call is closed when the next one begins, unless its
arguments are not whole by then: some providers write parallel calls at the same time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from backends.types import Chunk, Usage
from gateway.dialects.openai_responses_output import Ids, Item, ending, response_object
from gateway.dialects.openai_responses_writers import CallWriter, MessageWriter, ReasoningWriter, Writer
from gateway.errors import GatewayError

_STEM_OF_NONE = "hr0"


class ResponsesEncoder:
    """Implements gateway.dialects.base.StreamEncoder."""

    def __init__(self, native: Mapping[str, Any], created: int, ids: Ids | None = None) -> None:
        self._native = native
        self._created = created
        self._ids = ids
        self._number = 0
        self._model = ""
        self._out: list[bytes] = []
        self._items: dict[int, Item] = {}
        self._begun = 0
        """Items so far."""
        self._writer: ReasoningWriter | MessageWriter | None = None
        self._calls: dict[Any, CallWriter] = {}
        self._late: list[Any] = []
        self._refused = False
        self._finish_reason: Any = None
        self.response: dict[str, Any] | None = None
        """The whole response, once the stream is closed."""

    def encode(self, chunks: Sequence[Chunk]) -> bytes:
        """The events that these chunks come to."""
        for chunk in chunks:
            if self._ids is None or not self._number:
                self._begin(chunk)
            for choice in chunk["choices"]:
                if choice.get("index"):
                    continue  # there is one answer in this API
                delta = choice.get("delta")
                if delta:
                    self._hear(delta, choice)
                if choice.get("finish_reason"):
                    self._finish_reason = choice["finish_reason"]
        return self._taken()

    def close(self, usage: Usage | None) -> bytes:
        """What is open is closed, and the response is told whole."""
        if self._ids is None or not self._number:
            self._begin({})
        status, reason = ending(self._finish_reason, refused=self._refused)
        if self._late:
            self._reasoning().add_details(self._late)
        self._close_all(status)
        self.response = self._object(status, usage, reason)
        self.event(f"response.{status}", {"response": self.response})
        return self._taken()

    def fail(self, error: GatewayError) -> bytes:
        """The events that end a stream which broke: a failed response, where one has begun, and the error."""
        if self._ids is not None and self._number:
            failed = self._object("failed", None, None)
            failed["error"] = {"code": "server_error", "message": error.message}
            self.event("response.failed", {"response": failed})
        return self._taken() + error_event(error, self._number)

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One event, numbered."""
        data = orjson.dumps({"type": kind, **fields, "sequence_number": self._number})
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode("ascii"), data))
        self._number += 1

    def delta(self, prefix: bytes, text: str) -> None:
        """The commonest event: `prefix` is all of it up to the text."""
        self._out.append(b'%b%b,"sequence_number":%d}\n\n' % (prefix, orjson.dumps(text), self._number))
        self._number += 1

    def _taken(self) -> bytes:
        taken, self._out = b"".join(self._out), []
        return taken

    def _begin(self, chunk: Mapping[str, Any]) -> None:
        if self._ids is None:
            given = str(chunk.get("id") or "")
            self._ids = Ids("hr" + "".join(filter(str.isalnum, given))[-32:] if given else _STEM_OF_NONE)
        self._model = str(chunk.get("model") or self._native.get("model") or "")
        begun = self._object("in_progress", None, None)
        self.event("response.created", {"response": begun})
        self.event("response.in_progress", {"response": begun})

    def _object(self, status: str, usage: Usage | None, reason: str | None) -> dict[str, Any]:
        assert self._ids is not None
        output = [self._items[index] for index in sorted(self._items)]
        return response_object(
            self._native,
            self._ids.response,
            self._created,
            self._model,
            status=status,
            output=output,
            usage=usage,
            reason=reason,
        )

    def _hear(self, delta: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        text = delta.get("content")
        if text and type(text) is str:
            writer = self._writer
            alone = len(delta) == 1 or (len(delta) == 2 and "role" in delta)
            if alone and type(writer) is MessageWriter and writer.plain and not choice.get("logprobs"):
                writer.add_plain(text)  # nearly always
                return
        self._hear_reasoning(delta)
        self._hear_message(delta, choice)
        for call in delta.get("tool_calls") or ():
            self._hear_call(call)

    def _hear_reasoning(self, delta: Mapping[str, Any]) -> None:
        text = delta.get("reasoning_content") or delta.get("reasoning")
        details: Sequence[Any] = delta.get("reasoning_details") or ()
        if not text and not details:
            return
        if not isinstance(self._writer, ReasoningWriter) and (self._writer is not None or self._calls) and not text:
            self._late.extend(details)  # a signature for what is being said: it must not cut that in two
            return
        self._reasoning().add(text if isinstance(text, str) else "", details)

    def _hear_message(self, delta: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        text, refusal, cited = delta.get("content"), delta.get("refusal"), delta.get("annotations")
        if not text and not refusal and not cited:
            return
        writer = self._message()
        if text and isinstance(text, str):
            writer.add_text(text, (choice.get("logprobs") or {}).get("content") or ())
        if refusal and isinstance(refusal, str):
            self._refused = True
            writer.add_refusal(refusal)
        if cited:
            writer.add_annotations(cited)

    def _hear_call(self, call: Mapping[str, Any]) -> None:
        key = call.get("index", len(self._calls))
        writer = self._calls.get(key)
        if writer is None:
            self._close_writer()
            for other, open_call in list(self._calls.items()):
                if open_call.whole:
                    self._close_call(other)
            writer = self._calls[key] = CallWriter(self, *self._next("fc"), call)
        function = call.get("function") or {}
        if function.get("arguments"):
            writer.add(function["arguments"])

    def _next(self, prefix: str) -> tuple[str, int]:
        assert self._ids is not None
        index, self._begun = self._begun, self._begun + 1
        return self._ids.item(prefix, index), index

    def _reasoning(self) -> ReasoningWriter:
        writer = self._writer
        if not isinstance(writer, ReasoningWriter):
            self._close_all()
            writer = self._writer = ReasoningWriter(self, *self._next("rs"))
        return writer

    def _message(self) -> MessageWriter:
        writer = self._writer
        if not isinstance(writer, MessageWriter):
            self._close_all()
            writer = self._writer = MessageWriter(self, *self._next("msg"))
        return writer

    def _close_all(self, status: str = "completed") -> None:
        """`status` is the last one's: all before it were whole when the model went on."""
        self._close_writer(status)
        last = len(self._calls)
        for number, key in enumerate(list(self._calls), 1):
            self._close_call(key, status if number == last else "completed")

    def _close_writer(self, status: str = "completed") -> None:
        if self._writer is not None:
            self._done(self._writer, status)
            self._writer = None

    def _close_call(self, key: Any, status: str = "completed") -> None:
        self._done(self._calls.pop(key), status)

    def _done(self, writer: Writer, status: str) -> None:
        self._items[writer.index] = writer.close(status)


def error_event(error: GatewayError, number: int) -> bytes:
    """OpenAI's `error` event; the nested object is what makes its clients raise."""
    told = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": number,
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
            "metadata": {"origin": error.origin, **error.metadata},
        },
    }
    return b"event: error\ndata: %b\n\n" % orjson.dumps(told)
