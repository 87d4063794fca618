"""A whole answer of Anthropic's Messages: read and left as it is, or in the common form.

https://docs.anthropic.com/en/api/messages#response
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.anthropic import blocks
from backends.providers.anthropic.errors import error_in_answer
from backends.providers.anthropic.usage import read_usage
from backends.types import ChatRequest, Usage


class MessageAnswer(NamedTuple):
    """A message: the bytes for the caller, and what they say of usage."""

    body: bytes
    usage: Usage | None


def read_answer(body: bytes) -> MessageAnswer:
    """Read a 200's body. Raises BadAnswer for what is no message, Refused for an error inside a 200."""
    return MessageAnswer(body, read_usage(_message(body).get("usage")))


def read_count(body: bytes) -> MessageAnswer:
    """An answer of `count_tokens`: a number, for which nobody is billed."""
    if type(_object(body).get("input_tokens")) is not int:
        raise BadAnswer("a success status, but no count in the answer")
    return MessageAnswer(body, Usage())


def read_completion(chat: ChatRequest, body: bytes) -> Completion:
    """The same as read_answer, in the common form."""
    return read_message(_message(body), chat.created)


def read_message(message: Mapping[str, Any], created: int) -> Completion:
    """A message that was parsed, in the common form."""
    said = _Said()
    for index, block in enumerate(message["content"]):
        said.add(index, block)
    reason = str(message.get("stop_reason") or "end_turn")
    if reason == "refusal":
        said.message["refusal"] = blocks.refusal(message.get("stop_details"))
    answer = {
        "id": message.get("id") or "",
        "object": "chat.completion",
        "created": created,
        "model": message.get("model") or "",
        "choices": [
            {
                "index": 0,
                "message": said.finished(),
                "logprobs": None,
                **blocks.finish(reason, message.get("stop_sequence")),
            }
        ],
    }
    tier = blocks.service_tier(message.get("usage"))
    if tier is not None:
        answer["service_tier"] = tier
    return Completion(answer, read_usage(message.get("usage")))


class _Said:
    """An assistant message in the making."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        self._text: list[str] = []
        self._length = 0
        self._reasoning: list[str] = []

    def add(self, index: int, block: Mapping[str, Any]) -> None:
        kind = block.get("type")
        if kind == "text":
            self._add_text(block)
        elif kind == "tool_use":
            arguments = orjson.dumps(block.get("input") or {}).decode()
            self._list("tool_calls").append(blocks.call(block, arguments))
        elif kind == "thinking":
            text = block.get("thinking") or ""
            self._reasoning.append(text)
            self._list("reasoning_details").append(blocks.thinking(text, index, block.get("signature")))
        elif kind == "redacted_thinking":
            self._list("reasoning_details").append(blocks.redacted(block.get("data"), index))
        else:  # what Anthropic's own tools did, compactions, and what is not invented yet: carried, to be given back
            self._list("server_tool_blocks").append({**block, "index": index})

    def finished(self) -> dict[str, Any]:
        if self._text or "tool_calls" not in self.message:
            self.message["content"] = "".join(self._text)
        if any(self._reasoning):
            self.message["reasoning_content"] = self.message["reasoning"] = "".join(self._reasoning)
        return self.message

    def _add_text(self, block: Mapping[str, Any]) -> None:
        text = block.get("text") or ""
        start, self._length = self._length, self._length + len(text)
        self._text.append(text)
        for citation in block.get("citations") or ():
            self._list("annotations").append(blocks.annotation(citation, start, self._length))

    def _list(self, name: str) -> list[Any]:
        values: list[Any] = self.message.setdefault(name, [])
        return values


def _message(body: bytes) -> dict[str, Any]:
    answer = _object(body)
    content = answer.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise BadAnswer("a success status, but no content in the answer")
    return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    if answer.get("type") == "error" or answer.get("error"):
        raise error_in_answer(answer)
    return answer
