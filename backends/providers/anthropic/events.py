"""A streamed message's events, one after the other, into chunks of the common form. Whatever framed them.

Anthropic and Vertex send them as server-sent events, Bedrock in frames of its own.
https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from collections.abc import Mapping
from typing import Any

import orjson

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.anthropic import blocks
from backends.providers.anthropic.errors import error_in_answer
from backends.providers.anthropic.usage import merged, read_usage
from backends.types import ChatRequest, Chunk, Usage


class MessageEvents:
    """One streamed message. Unknown events and deltas are nothing; unknown blocks are carried along."""

    __slots__ = (
        "_block",
        "_calls",
        "_citations",
        "_created",
        "_id",
        "_json",
        "_model",
        "_said",
        "_start",
        "_tier",
        "_usage",
        "done",
        "error",
        "finished",
        "usage",
    )

    def __init__(self, chat: ChatRequest) -> None:
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.error: BackendError | None = None
        self._created = chat.created
        self._id = self._model = ""
        self._usage: Mapping[str, Any] = {}
        self._tier: str | None = None
        self._calls = 0
        self._said = 0  # characters of text
        # Of the block that is open:
        self._block: Mapping[str, Any] = {}
        self._start = 0
        self._json = ""
        self._citations: list[Mapping[str, Any]] = []

    @property
    def usage_begun(self) -> Usage | None:
        """What `message_start` said: the input is exact, the output only begun. For an answer that was cut."""
        return read_usage(self._usage)

    def hear(self, event: Mapping[str, Any]) -> Chunk | None:
        """What this event adds to the answer. Raises BadAnswer."""
        try:
            return self._hear(event)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadAnswer("an event of a kind that we know, in a shape that we do not") from error

    def _hear(self, event: Mapping[str, Any]) -> Chunk | None:
        kind = event.get("type")
        if kind == "content_block_delta":  # nearly always
            delta = event["delta"]
            if delta.get("type") == "text_delta":
                text = delta["text"]
                self._said += len(text)
                return self._chunk({"content": text}) if text else None
            return self._hear_delta(delta, event.get("index", 0))
        if kind == "content_block_start":
            return self._open(event["content_block"], event.get("index", 0))
        if kind == "content_block_stop":
            return self._close(event.get("index", 0))
        if kind == "message_start":
            return self._begin(event["message"])
        if kind == "message_delta":
            return self._finish(event)
        if kind == "message_stop":
            self.done = True
        elif kind == "error" or "error" in event:
            self.error = error_in_answer(event)
        return None

    def check_whole(self) -> None:
        """Raises `error`, or ConnectionLost for an answer that was cut.

        Two words make it whole: why it stopped, and `message_stop`. Where the second is missing the first may be the
        last that came of it, and its usage the last that was counted.
        """
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without a stop reason")

    def _chunk(self, delta: dict[str, Any]) -> Chunk:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
        }

    def _begin(self, message: Mapping[str, Any]) -> Chunk:
        self._id, self._model = message.get("id") or "", message.get("model") or ""
        self._usage = merged({}, message.get("usage"))
        self._tier = blocks.service_tier(self._usage)
        return self._chunk({"role": "assistant", "content": ""})

    def _open(self, block: Mapping[str, Any], index: int) -> Chunk | None:
        self._block, self._json, self._start = block, "", self._said
        self._citations = list(block.get("citations") or ())
        kind = block.get("type")
        if kind == "text":
            text = block.get("text")
            self._said += len(text or "")
            return self._chunk({"content": text}) if text else None
        if kind == "tool_use":
            self._calls += 1
            return self._chunk({"tool_calls": [{"index": self._calls - 1, **blocks.call(block, "")}]})
        if kind == "thinking":
            return self._think(block.get("thinking") or "", block.get("signature") or "", index)
        if kind == "redacted_thinking":
            return self._chunk({"reasoning_details": [blocks.redacted(block.get("data"), index)]})
        return None

    def _hear_delta(self, delta: Mapping[str, Any], index: int) -> Chunk | None:
        kind = delta.get("type")
        if kind == "input_json_delta":
            piece = delta["partial_json"]
            self._json += piece
            return self._arguments(piece) if piece and self._block.get("type") == "tool_use" else None
        if kind == "thinking_delta":
            return self._think(delta["thinking"], "", index)
        if kind == "signature_delta":
            return self._think("", delta["signature"], index)
        if kind == "citations_delta":
            self._citations.append(delta["citation"])
        elif kind == "compaction_delta":
            self._block = {**self._block, "content": delta.get("content")}
        return None

    def _arguments(self, piece: str) -> Chunk:
        return self._chunk({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": piece}}]})

    def _think(self, text: str, signed: str, index: int) -> Chunk | None:
        if text:
            detail = blocks.thinking(text, index, signed or None)
            return self._chunk({"reasoning_content": text, "reasoning": text, "reasoning_details": [detail]})
        return self._chunk({"reasoning_details": [blocks.signature(signed, index)]}) if signed else None

    def _close(self, index: int) -> Chunk | None:
        block, self._block = self._block, {}
        kind = block.get("type")
        if kind == "tool_use":
            # 1. The arguments came in pieces. 2. They stood in the block's start. 3. There are none: then nothing but
            # an empty piece was sent, and empty is no JSON.
            return None if self._json else self._arguments(orjson.dumps(block.get("input") or {}).decode())
        if kind == "text":
            notes = [blocks.annotation(citation, self._start, self._said) for citation in self._citations]
            return self._chunk({"annotations": notes}) if notes else None
        if kind is None or kind in ("thinking", "redacted_thinking"):
            return None
        if self._json:
            block = {**block, "input": _parsed(self._json)}
        return self._chunk({"server_tool_blocks": [{**block, "index": index}]})

    def _finish(self, event: Mapping[str, Any]) -> Chunk | None:
        self._usage = merged(self._usage, event.get("usage"))
        self.usage = read_usage(self._usage)
        delta = event.get("delta") or {}
        reason = delta.get("stop_reason")
        if not reason:
            return None
        self.finished = True
        said = {"refusal": blocks.refusal(delta.get("stop_details"))} if reason == "refusal" else {}
        chunk = self._chunk(said)
        chunk["choices"][0].update(blocks.finish(reason, delta.get("stop_sequence")))
        if self._tier is not None:
            chunk["service_tier"] = self._tier
        return chunk


def _parsed(pieces: str) -> Any:
    """What a server tool was given; a cut answer leaves it broken, and then it stays the text it is."""
    try:
        return orjson.loads(pieces)
    except orjson.JSONDecodeError:
        return pieces
