"""What a caller says in Gemini's own words, beside OpenAI's: `google: {...}`, or `extra_body: {"google": {...}}` as
Google's OpenAI-compatible endpoint has it (https://ai.google.dev/gemini-api/docs/openai#extra-body)."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_FIELDS = frozenset({"cachedContent", "safetySettings", "labels", "toolConfig"})
_CONFIG = frozenset({"thinkingConfig", "mediaResolution", "responseModalities", "imageConfig", "speechConfig"})
_HUMP = re.compile(r"_([a-z])")


class Extras(NamedTuple):
    """Fields of the request, of its `generationConfig`, and tools."""

    fields: dict[str, Any]
    config: dict[str, Any]
    tools: list[Any]


def read_extras(body: Mapping[str, Any], dropped: list[str]) -> Extras:
    """Names may be in snake_case, as Google's examples have them. What is not known goes to `dropped`."""
    fields: dict[str, Any] = {}
    config: dict[str, Any] = {}
    tools: list[Any] = []
    extra = body.get("extra_body")
    for given in (extra.get("google") if isinstance(extra, Mapping) else None, body.get("google")):
        if not isinstance(given, Mapping):
            continue
        for name, value in given.items():
            known = camel(name)
            if known in _FIELDS:
                fields[known] = value
            elif known in _CONFIG:
                config[known] = _camel_keys(value)
            elif known == "tools" and isinstance(value, list):
                tools += [_camel_keys(tool) for tool in value]
            else:
                dropped.append(f"google.{name}")
    return Extras(fields, config, tools)


def camel(name: str) -> str:
    """`cached_content` → `cachedContent`."""
    return _HUMP.sub(lambda found: found[1].upper(), name)


def _camel_keys(value: Any) -> Any:
    """Of the object itself: what stands deeper may hold names of the caller's own."""
    return {camel(name): inner for name, inner in value.items()} if isinstance(value, Mapping) else value
