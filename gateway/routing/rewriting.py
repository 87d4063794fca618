"""The request as it is sent, where routing has a say in it: without the fields that were meant for us, and with the
output limit that a guard sets. Everybody else's bytes stay as they came."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.types import ChatRequest, Target
from gateway.routing.preferences import FIELDS, Preferences, is_openrouter

_LIMITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai_chat": ("max_completion_tokens", "max_tokens"),
        "openai_completions": ("max_tokens",),
        "openai_responses": ("max_output_tokens",),
        "anthropic_messages": ("max_tokens",),
    }
)
"""The output limit's names in a dialect's own body; the last one is what it is called where the caller set none."""


def without_fields(chat: ChatRequest) -> ChatRequest:
    """Without what was asked of us."""
    body = {name: value for name, value in chat.body.items() if name not in FIELDS}
    if chat.native is None:
        return _written(chat, body, None)
    return _written(chat, body, {name: value for name, value in chat.native.items() if name not in FIELDS})


def for_target(chat: ChatRequest, target: Target, asked: Preferences) -> ChatRequest:
    """With what OpenRouter is told, where it is the target."""
    if not asked.passed_on or not is_openrouter(target):
        return chat
    more = {"provider": dict(asked.passed_on)}
    return _written(chat, {**chat.body, **more}, None if chat.native is None else {**chat.native, **more})


def limited(chat: ChatRequest, most: int) -> ChatRequest | None:
    """With at most this much output; None: it asks for no more anyway."""
    names = _LIMITS.get(chat.dialect)
    if names is None:
        return None
    body = _lowered(chat.body, _LIMITS["openai_chat"] if chat.native is not None else names, most)
    native = None if chat.native is None else _lowered(chat.native, names, most)
    if body is None and native is None:
        return None
    return _written(chat, body or dict(chat.body), native if native is not None else chat.native)


def _lowered(fields: Mapping[str, Any], names: tuple[str, ...], most: int) -> dict[str, Any] | None:
    given = {name: fields[name] for name in names if isinstance(fields.get(name), int)}
    if not given:
        return {**fields, names[-1]: most}
    above = {name: most for name, limit in given.items() if limit > most}
    return {**fields, **above} if above else None


def _written(chat: ChatRequest, body: Mapping[str, Any], native: Mapping[str, Any] | None) -> ChatRequest:
    """The bytes anew, from what was parsed and judged. How long the input is was told by those that came."""
    raw = orjson.dumps(body if native is None else native)
    return chat._replace(raw=raw, body=body, native=native, plain=True, input_estimate=chat.input_tokens)
