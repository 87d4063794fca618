"""The caller's body on its way up: spliced, not rebuilt, so that every untouched byte stays the caller's."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from backends.types import ChatRequest, Target

_MODEL_FIELD = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_ASK_FOR_USAGE = b'"stream_options":{"include_usage":true},'


@lru_cache(maxsize=4096)
def render_head(target: Target) -> tuple[str, Mapping[str, str]]:
    """URL and headers of every request to this target, made once. Compression is refused: answers pass as bytes."""
    headers = {
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        **dict(target.headers),
    }
    if target.api_key:
        name = target.quirks.key_header
        headers[name] = f"Bearer {target.api_key}" if name == "authorization" else target.api_key
    return f"{target.base_url}/chat/completions", MappingProxyType(headers)


@lru_cache(maxsize=4096)
def route(target: Target, dialect: str, usual: str) -> str:
    """The URL of a dialect besides chat: `usual` under the base URL, or where this provider has it."""
    path = dict(target.quirks.paths).get(dialect)
    if path is None:
        return target.base_url + usual
    parts = urlsplit(target.base_url)
    return f"{parts.scheme}://{parts.netloc}{path}"


def render_body(chat: ChatRequest, model: str) -> bytes:
    """The body with the upstream's model name, and `include_usage` in streams whose caller did not ask for it.

    Splicing is only safe where the bytes say plainly which field is which; a body that names "model" twice, or
    writes characters as `\\u00..` escapes (a key could hide so), is written anew from what we parsed and judged.
    """
    rename = model != chat.model
    ask = chat.stream and not chat.wants_usage
    if chat.native is not None:  # the caller's bytes are in another dialect
        return _rebuilt(chat, model, ask)
    if not rename and not ask:
        return chat.raw
    if (ask and "stream_options" in chat.body) or (not chat.plain and b"\\u00" in chat.raw):
        return _rebuilt(chat, model, ask)
    raw = chat.raw
    if rename:
        renamed = rename_model(raw, model, plain=chat.plain)
        if renamed is None:
            return _rebuilt(chat, model, ask)
        raw = renamed
    if ask:
        brace = raw.index(b"{") + 1
        raw = raw[:brace] + _ASK_FOR_USAGE + raw[brace:]
    return raw


def rename_model(raw: bytes, model: str, *, plain: bool) -> bytes | None:
    """The bytes with another model's name in them, whatever dialect they are in; None where that is not safe.

    `plain`: as in ChatRequest.
    """
    if not plain and b"\\u00" in raw:
        return None
    field = _first_field_if_model(raw) if plain else None
    field = field or _only_model_field(raw)
    if field is None:
        return None
    return raw[: field.start(1)] + orjson.dumps(model) + raw[field.end(1) :]


def _first_field_if_model(raw: bytes) -> re.Match[bytes] | None:
    """Spares a long body the search: what opens it stands at the top level."""
    return _MODEL_FIELD.match(raw, 1)


def _only_model_field(raw: bytes) -> re.Match[bytes] | None:
    first = raw.find(b'"model"')
    if raw.find(b'"model"', first + 7) != -1:
        return None
    return _MODEL_FIELD.match(raw, first)


def _rebuilt(chat: ChatRequest, model: str, ask: bool) -> bytes:
    body = {**chat.body, "model": model}
    if ask:
        body["stream_options"] = {**(chat.body.get("stream_options") or {}), "include_usage": True}
    return orjson.dumps(body)
