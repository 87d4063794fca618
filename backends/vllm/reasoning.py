"""Reasoning has two names. Callers get it under both and may send either.

Most clients know DeepSeek's `reasoning_content`. vLLM says `reasoning` since 2025-11 and dropped the older name
(https://github.com/vllm-project/vllm/pull/27752, https://github.com/vllm-project/vllm/pull/33402).

Everything happens by bytes. In JSON a quotation mark inside a string is always escaped, so `{"reasoning":` or
`,"reasoning":` in a valid document is a key and never somebody's text.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from backends.types import ChatRequest

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_SAID = re.compile(rb'(?<=[{,\s])"(reasoning|reasoning_content)"(\s*:\s*' + _STRING + rb")", re.DOTALL)
_SENT = re.compile(rb'(?<=[{,\s])"reasoning_content"(?=\s*:)')


def put_both_names(data: bytes) -> bytes:
    """An answer, or whole events of a stream, in which each reasoning text stands under both names.

    Bytes that already have both (some versions of vLLM said both) are left alone.
    """
    newer, older = b'"reasoning"' in data, b'"reasoning_content"' in data
    if newer == older:
        return data
    missing = b"reasoning_content" if newer else b"reasoning"
    return _SAID.sub(rb'"\1"\2,"' + missing + rb'"\2', data)


def name_reasoning_as_vllm_does(chat: ChatRequest) -> ChatRequest:
    """The request with each message's `reasoning_content` called `reasoning`; some engines drop it unread otherwise.

    Where the bytes may mean something else (a property of that name in a tool's schema), or a message has both, the
    body is written anew from what was parsed.
    """
    if b"reasoning_content" not in chat.raw:
        return chat
    messages = chat.body.get("messages")
    if not isinstance(messages, list):
        return chat
    concerned = [message for message in messages if isinstance(message, Mapping) and "reasoning_content" in message]
    if not concerned:
        return chat
    body = {**chat.body, "messages": [_renamed(message) for message in messages]}
    raw, found = _SENT.subn(b'"reasoning"', chat.raw)
    if found != len(concerned) or any("reasoning" in message for message in concerned):
        raw = orjson.dumps(body)
    return chat._replace(raw=raw, body=body, plain=False)


def _renamed(message: Any) -> Any:
    """As vLLM 0.32 does it itself: `reasoning` wins, unless it is null."""
    if not isinstance(message, Mapping) or "reasoning_content" not in message:
        return message
    renamed = {name: value for name, value in message.items() if name != "reasoning_content"}
    if renamed.get("reasoning") is None:
        renamed["reasoning"] = message["reasoning_content"]
    return renamed
