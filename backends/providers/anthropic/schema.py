"""JSON schemas as Anthropic's structured outputs take them: a part of the language, the same part that its own clients
reduce a schema to. https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations

Every object must be closed. Bounds and patterns that the grammar can't hold become words of the description, so that
the model still reads them; the caller is told which. Schemas that lead back into themselves are refused.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from backends.errors import NotCarried

_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
_KEPT = frozenset(
    {"$schema", "$id", "$ref", "$defs", "definitions", "type", "title", "description", "enum", "const", "default"}
    | {"anyOf", "allOf", "properties", "required", "additionalProperties", "items"}
)
_BY_NAME = ("properties", "$defs", "definitions")
_ALTERNATIVES = ("anyOf", "allOf")


def closed(schema: Mapping[str, Any], param: str) -> tuple[dict[str, Any], frozenset[str]]:
    """The schema that is sent, and the keywords that only stand in descriptions now. Raises NotCarried."""
    _refuse_recursion(schema, param)
    softened: set[str] = set()
    try:
        return _closed(schema, softened), frozenset(softened)
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise NotCarried(param, "The schema is nested too deeply.") from error


def _closed(schema: Mapping[str, Any], softened: set[str]) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "oneOf" and isinstance(value, list):  # of alternatives that a grammar writes, one is written
            sent["anyOf"] = _each(value, softened)
        elif _is_kept(name, value):
            sent[name] = _inside(name, value, softened)
        else:
            said[name] = value
    if said:
        softened.update(said)
        words = orjson.dumps(said).decode()
        sent["description"] = f"{sent['description']} {words}" if sent.get("description") else words
    if sent.get("type") == "object" or "properties" in sent:
        sent["additionalProperties"] = False
    return sent


def _is_kept(name: str, value: Any) -> bool:
    if name == "format":
        return isinstance(value, str) and value in _FORMATS
    if name == "minItems":
        return value in (0, 1)
    return name in _KEPT


def _inside(name: str, value: Any, softened: set[str]) -> Any:
    if name in _BY_NAME and isinstance(value, dict):
        return {key: _closed(one, softened) if isinstance(one, dict) else one for key, one in value.items()}
    if name in _ALTERNATIVES and isinstance(value, list):
        return _each(value, softened)
    return _closed(value, softened) if name == "items" and isinstance(value, dict) else value


def _each(schemas: list[Any], softened: set[str]) -> list[Any]:
    return [_closed(one, softened) if isinstance(one, dict) else one for one in schemas]


def _refuse_recursion(schema: Mapping[str, Any], param: str) -> None:
    named = {
        f"#/{place}/{name}": _references(one)
        for place in ("$defs", "definitions")
        if isinstance(schema.get(place), dict)
        for name, one in schema[place].items()
    }
    rest = {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    named["#"] = _references(rest)
    for start in named:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for reference in named.get(ahead.pop(), ()):
                if reference == start:
                    raise NotCarried(param, "Anthropic's structured outputs take no schema that refers to itself.")
                if reference not in seen:
                    seen.add(reference)
                    ahead.append(reference)


def _references(value: Any) -> set[str]:
    found: set[str] = set()
    ahead = [value]
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                found.add(one["$ref"])
            ahead.extend(one.values())
        elif isinstance(one, list):
            ahead.extend(one)
    return found
