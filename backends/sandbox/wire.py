"""An answer as OpenAI's bytes: one JSON object, or one server-sent event per token.

What stays the same from chunk to chunk is put together once per answer: load tests read these streams.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import orjson

from backends.sandbox.answer import Answer, Call, Choice
from backends.sandbox.tokens import split_tokens

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_sandbox"


def whole(answer: Answer, created: int) -> bytes:
    """The body of a unary answer."""
    return orjson.dumps(
        {
            "id": answer.id,
            "object": "chat.completion",
            "created": created,
            "model": answer.model,
            "system_fingerprint": FINGERPRINT,
            "choices": [_whole_choice(at, choice) for at, choice in enumerate(answer.choices)],
            "usage": answer.usage(),
        }
    )


def _whole_choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.content, "refusal": None, "annotations": []}
    if choice.reasoning:
        message |= {"reasoning_content": choice.reasoning, "reasoning": choice.reasoning}
    if choice.call:
        message["tool_calls"] = [_call(choice.call, choice.call.arguments)]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish_reason}


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


class EventStream:
    """The events of a streamed answer: `head`, one piece of bytes per token, `tail`."""

    def __init__(self, answer: Answer, created: int, *, usage_chunk: bool) -> None:
        self._answer = answer
        common = {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": answer.model,
            "system_fingerprint": FINGERPRINT,
        }
        self._open = b"data: " + orjson.dumps(common)[:-1] + b',"choices":['
        # OpenAI's chunks carry a null usage where, and only where, the last one will carry the figures.
        self._shut = b'],"usage":null}\n\n' if usage_chunk else b"]}\n\n"
        self.head = b"".join(self._event(at, self._role(choice)) for at, choice in enumerate(answer.choices))
        self.tail = b"".join(self._event(at, b"{}", c.finish_reason) for at, c in enumerate(answer.choices))
        if usage_chunk:
            self.tail += self._open + b'],"usage":' + orjson.dumps(answer.usage()) + b"}\n\n"
        self.tail += DONE

    def tokens(self) -> Iterator[bytes]:
        """The token events; several choices take turns."""
        choices = [self._choice_tokens(at, choice) for at, choice in enumerate(self._answer.choices)]
        if len(choices) == 1:
            return choices[0]
        return (event for turn in zip_longest(*choices) for event in turn if event is not None)

    def _choice_tokens(self, index: int, choice: Choice) -> Iterator[bytes]:
        dumps = orjson.dumps
        opening = b'%s{"index":%d,"delta":{' % (self._open, index)
        closing = b'},"logprobs":null,"finish_reason":null}' + self._shut
        for token in split_tokens(choice.reasoning):
            text = dumps(token)
            yield b'%s"reasoning_content":%s,"reasoning":%s%s' % (opening, text, text, closing)
        opening_content = opening + b'"content":'
        for token in split_tokens(choice.content or ""):
            yield opening_content + dumps(token) + closing
        if choice.call is None:
            return
        first = dumps([{"index": 0, **_call(choice.call, "")}])
        yield opening + b'"tool_calls":' + first + closing
        opening_call = opening + b'"tool_calls":[{"index":0,"function":{"arguments":'
        closing_call = b"}}]" + closing
        for token in split_tokens(choice.call.arguments):
            yield opening_call + dumps(token) + closing_call

    @staticmethod
    def _role(choice: Choice) -> bytes:
        content = None if choice.content is None else ""
        return orjson.dumps({"role": "assistant", "content": content, "refusal": None})

    def _event(self, index: int, delta: bytes, finish_reason: str | None = None) -> bytes:
        reason = orjson.dumps(finish_reason)
        return b'%s{"index":%d,"delta":%s,"logprobs":null,"finish_reason":%s}%s' % (
            self._open,
            index,
            delta,
            reason,
            self._shut,
        )
