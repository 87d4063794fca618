"""Messages as the provider takes them: its names for roles and reasoning, and nothing that it would refuse.

What another provider's answer brought into a conversation (its reasoning, signatures, annotations) is no parameter of
the caller's: where it means nothing it is left out without a word.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from backends.types import Quirks

_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
_PLAIN = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "prefix"})
_SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def mended_fields(body: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """`messages` and `tools` where this provider needs them to be otherwise than they are."""
    messages, tools = body.get("messages"), body.get("tools")
    fields: dict[str, Any] = {}
    concerned = _concerned(quirks)
    if isinstance(messages, list) and any(_is_concerned(message, quirks, concerned) for message in messages):
        mended = [_mended(message, quirks) if isinstance(message, Mapping) else message for message in messages]
        if mended != messages:
            fields["messages"] = mended
    if isinstance(tools, list) and not quirks.cache_control and any(map(_is_marked, tools)):
        fields["tools"] = [_without(tool, "cache_control") for tool in tools]
    return fields


@lru_cache(maxsize=256)
def _concerned(quirks: Quirks) -> frozenset[str]:
    """Fields of a message that need a look."""
    fields: set[str] = set()
    if quirks.reasoning_field is not None:
        fields.update(_REASONING)
    if not quirks.cache_control:
        fields.add("cache_control")
    if quirks.short_tool_ids:
        fields.update(("tool_calls", "tool_call_id"))
    return frozenset(fields)


def _is_concerned(message: Any, quirks: Quirks, concerned: frozenset[str]) -> bool:
    """Whether the message may have to be otherwise. A conversation may be long, and mostly needs nothing."""
    if type(message) is not dict:
        return False
    if not concerned.isdisjoint(message) or (quirks.strict_messages and not message.keys() <= _PLAIN):
        return True
    if not quirks.developer_role and message.get("role") == "developer":
        return True
    content = message.get("content")
    if quirks.cache_control or type(content) is not list:
        return False
    return any(map(_is_marked, content))


def _mended(message: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    mended = dict(message)
    if not quirks.developer_role and mended.get("role") == "developer":
        mended["role"] = "system"
    if quirks.reasoning_field is not None:
        _name_reasoning(mended, quirks.reasoning_field)
    if not quirks.cache_control:
        mended.pop("cache_control", None)
        if isinstance(mended.get("content"), list):
            mended["content"] = [_without(part, "cache_control") for part in mended["content"]]
    if quirks.strict_messages:
        known = {*_PLAIN, quirks.reasoning_field}
        mended = {name: value for name, value in mended.items() if name in known}
    if quirks.short_tool_ids:
        _shorten_ids(mended)
    return mended


def _name_reasoning(message: dict[str, Any], own: str) -> None:
    said = {name: message.pop(name) for name in _REASONING if name in message}
    if not said or not own:
        return
    text = said.get(own) or said.get("reasoning_content") or said.get("reasoning")
    if isinstance(text, str) and text:
        message[own] = text


def _is_marked(part: Any) -> bool:
    return type(part) is dict and "cache_control" in part


def _without(part: Any, name: str) -> Any:
    if not isinstance(part, Mapping) or name not in part:
        return part
    return {key: value for key, value in part.items() if key != name}


def _shorten_ids(message: dict[str, Any]) -> None:
    if isinstance(message.get("tool_call_id"), str):
        message["tool_call_id"] = _short(message["tool_call_id"])
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [
            {**call, "id": _short(call["id"])}
            if isinstance(call, Mapping) and isinstance(call.get("id"), str)
            else call
            for call in calls
        ]


def _short(call_id: str) -> str:
    """The same for the same id, so that a result still finds its call."""
    if _SHORT_ID.fullmatch(call_id):
        return call_id
    number, letters = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "replace")).digest()[:8], "big"), ""
    for _ in range(9):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters
