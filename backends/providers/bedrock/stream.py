"""A streamed answer of ConverseStream in the common form.

Its order: messageStart; for each block contentBlockStart (tools only), contentBlockDelta, contentBlockStop; then
messageStop; then metadata with the usage, after which nothing comes. Each event carries a padding `p`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.anthropic.blocks import FORMAT
from backends.providers.bedrock.errors import error_in_stream
from backends.providers.bedrock.eventstream import EventStreamDecoder, Message
from backends.providers.bedrock.finish import finish
from backends.providers.bedrock.response import SERVER_TOOL, annotation, answer_id, image_parts
from backends.providers.bedrock.thoughts import encrypted
from backends.providers.bedrock.usage import read_usage
from backends.types import ChatRequest, Chunk, Usage


class BedrockStreamDecoder:
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = (
        "_block_at",
        "_calls",
        "_chars",
        "_citations",
        "_created",
        "_id",
        "_images",
        "_messages",
        "_model",
        "_served",
        "_silent",
        "_thoughts",
        "done",
        "error",
        "finished",
        "usage",
    )

    def __init__(self, chat: ChatRequest) -> None:
        self._messages = EventStreamDecoder()
        self._id = answer_id(chat)
        self._created = chat.created
        self._model = chat.model
        # What stands in which of the upstream's blocks: the caller's tool calls and the thoughts by their own numbers,
        # images by their format, what the provider's own tools do as it is.
        self._calls: dict[Any, int] = {}
        self._thoughts: dict[Any, int] = {}
        self._images: dict[Any, Any] = {}
        self._silent: set[Any] = set()  # calls without arguments so far
        self._served: dict[Any, dict[str, Any]] = {}
        # For citations: what there is of the text, and where in it the block began.
        self._citations: list[dict[str, Any]] = []
        self._chars = self._block_at = 0
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.error: BackendError | None = None

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        chunks: list[Chunk] = []
        for message in self._messages.feed(data):
            if self.done or self.error is not None:
                break
            self._hear(message, chunks)
        return chunks

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without a stop reason")
        if not self.done:
            self._messages.close()
        return ()

    def _hear(self, message: Message, chunks: list[Chunk]) -> None:
        headers, payload = message
        kind = headers.get(":event-type")
        if kind is None or headers.get(":message-type") != "event":
            self.error = error_in_stream(headers, payload)
            return
        event = _object(payload)
        try:
            if kind == "contentBlockDelta":  # nearly always
                delta = self._delta(event["delta"], event.get("contentBlockIndex"))
            else:
                delta = self._turn(kind, event, chunks)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadAnswer(f"an event of the kind {kind[:40]!r} without what belongs to it") from error
        if delta is not None:
            chunks.append(self._chunk({"index": 0, "delta": delta, "finish_reason": None}))

    def _chunk(self, choice: dict[str, Any]) -> Chunk:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }

    def _delta(self, delta: dict[str, Any], block: Any) -> dict[str, Any] | None:
        text = delta.get("text")
        if text is not None:
            self._chars += len(text)
            return {"content": text} if text else None
        use = delta.get("toolUse")
        if use is not None:
            return self._arguments(use["input"], block)
        thought = delta.get("reasoningContent")
        if thought is not None:
            return self._thought(thought, self._thoughts.setdefault(block, len(self._thoughts)))
        citation = delta.get("citation")
        if citation is not None:  # the text that it is for may still be coming
            self._citations.append(citation)
            return None
        if "toolResult" in delta and block in self._served:
            self._served[block]["toolResult"].setdefault("content", []).extend(delta["toolResult"])
            return None
        image = delta.get("image")
        if image is not None:
            return {"images": image_parts(self._images.get(block), image.get("source"))}
        return None

    def _arguments(self, piece: str, block: Any) -> dict[str, Any] | None:
        call = self._calls.get(block)
        if call is None and block in self._served:
            use = self._served[block]["toolUse"]
            use["input"] = use.get("input", "") + piece
        if call is None or not piece:
            return None
        self._silent.discard(block)
        return {"tool_calls": [{"index": call, "function": {"arguments": piece}}]}

    def _thought(self, thought: dict[str, Any], index: int) -> dict[str, Any] | None:
        """The format is told once, with the signature: clients join strings of one index, piece by piece."""
        text = thought.get("text")
        if text:
            detail = {"type": "reasoning.text", "text": text, "index": index}
            return {"reasoning_content": text, "reasoning": text, "reasoning_details": [detail]}
        signature = thought.get("signature")
        if signature:
            detail = {"type": "reasoning.text", "signature": signature, "format": FORMAT, "index": index}
            return {"reasoning_details": [detail]}
        redacted = thought.get("redactedContent")
        return {"reasoning_details": [encrypted(redacted, index)]} if redacted else None

    def _turn(self, kind: str, event: dict[str, Any], chunks: list[Chunk]) -> dict[str, Any] | None:
        if kind == "messageStart":
            return {"role": "assistant", "content": ""}
        if kind == "contentBlockStart":
            return self._start(event["start"], event.get("contentBlockIndex"))
        if kind == "contentBlockStop":
            return self._stop(event.get("contentBlockIndex"))
        if kind == "messageStop":
            self.finished = True
            extra = event.get("additionalModelResponseFields")
            ended = finish(event.get("stopReason"), extra, called=bool(self._calls))
            chunks.append(self._chunk({"index": 0, "delta": {}, **ended}))
        elif kind == "metadata":
            self.usage = read_usage(event.get("usage")) or self.usage
            self.done = self.finished
        return None

    def _stop(self, block: Any) -> dict[str, Any] | None:
        start, self._block_at = self._block_at, self._chars
        if block in self._silent:  # no arguments are `{}`, since nothing is no JSON
            return self._arguments("{}", block)
        if self._citations:
            cited, self._citations = self._citations, []
            return {"annotations": [annotation(citation, start, self._chars) for citation in cited]}
        served = self._served.pop(block, None)
        return None if served is None else {"server_tool_blocks": [{**_whole(served), "index": block}]}

    def _start(self, start: dict[str, Any], block: Any) -> dict[str, Any] | None:
        use = start.get("toolUse")
        if "toolResult" in start or (use is not None and use.get("type") == SERVER_TOOL):
            self._served[block] = {name: dict(value) for name, value in start.items()}
        elif use is not None:
            call = self._calls[block] = len(self._calls)
            self._silent.add(block)
            function = {"name": use["name"], "arguments": ""}
            return {"tool_calls": [{"index": call, "id": use["toolUseId"], "type": "function", "function": function}]}
        elif "image" in start:
            self._images[block] = start["image"].get("format")
        return None


def _whole(served: dict[str, Any]) -> dict[str, Any]:
    """A block as a whole answer has it: the input parsed, where it is whole."""
    use = served.get("toolUse")
    if use is not None:
        with suppress(orjson.JSONDecodeError):
            use["input"] = orjson.loads(use.get("input") or "{}")
    return served


def _object(payload: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("an event whose payload is not JSON") from error
    if not isinstance(event, dict):
        raise BadAnswer("an event whose payload is not an object")
    return event
