"""A JSON body of a route beside chat, checked for what the gateway relies on; the rest is the upstream's to judge."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from gateway.dialects.openai_chat import LONGEST_MODEL_NAME
from gateway.errors import InvalidRequest

_MOST_FIELDS_COUNTED = 64

TEXT = (frozenset({str}), "a string")
WHOLE = (frozenset({int}), "a whole number")
SWITCH = (frozenset({bool}), "true or false")
OBJECT = (frozenset({dict}), "an object")
LIST = (frozenset({list}), "an array")
TEXT_OR_LIST = (frozenset({str, list}), "a string or an array")

Types = Mapping[str, tuple[frozenset[type], str]]
"""What a field must be, where it is given and not null."""


class JsonBody:
    """One request's fields."""

    __slots__ = ("fields", "plain", "raw")

    def __init__(self, raw: bytes, types: Types, at_least: Mapping[str, int]) -> None:
        """Raises InvalidRequest (`invalid_json`, or `invalid_request` naming the field). `at_least`: of numbers."""
        self.raw = raw
        self.fields = _object(raw)
        for name, (allowed, expected) in types.items():
            value = self.fields.get(name)
            if value is None:
                continue
            if type(value) not in allowed:
                raise InvalidRequest(f"'{name}' must be {expected}.", param=name)
            if name in at_least and value < at_least[name]:
                raise InvalidRequest(f"'{name}' must be at least {at_least[name]}.", param=name)
        self.plain = _is_plain(raw, self.fields)
        if not self.plain:
            _refuse_duplicates(raw, self.fields)

    def model(self, default: str | None = None) -> str:
        """The model asked for; `default` where the route's inventor has one. Raises InvalidRequest."""
        model = self.fields.get("model")
        return checked_model(default if model is None and default is not None else model)

    def require(self, name: str, what: str) -> Any:
        """A field that must be there, and not be empty. Raises InvalidRequest saying what it is."""
        value = self.fields.get(name)
        if value is None or value in ("", []):
            raise InvalidRequest(f"'{name}' is missing or empty: {what}.", param=name)
        return value


def checked_model(model: Any) -> str:
    """A model's name, of bearable length. Raises InvalidRequest."""
    if type(model) is not str or not model:
        raise InvalidRequest("'model' must be a non-empty string: the name of a model.", param="model")
    if len(model) > LONGEST_MODEL_NAME:
        raise InvalidRequest(f"'model' is longer than {LONGEST_MODEL_NAME} characters.", param="model")
    return model


def _object(raw: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).", code="invalid_json"
        ) from error
    if type(fields) is not dict:
        raise InvalidRequest("The body must be a JSON object.")
    return fields


def _is_plain(raw: bytes, fields: dict[str, Any]) -> bool:
    """Whether orjson gives the body back to the byte: then no field stood twice, and none is written with escapes."""
    try:
        return orjson.dumps(fields) == raw
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return False


def _refuse_duplicates(raw: bytes, fields: dict[str, Any]) -> None:
    """We would judge one of the two, and the upstream might obey the other.

    Counting names errs only towards the exact check behind it.
    """
    if (
        len(fields) <= _MOST_FIELDS_COUNTED
        and b"\\u00" not in raw
        and all(raw.count(b'"' + name.encode() + b'"') == 1 for name in fields)
    ):
        return
    try:
        json.loads(raw, object_pairs_hook=_no_duplicates)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        _name_duplicate([name for name, _ in pairs])
    return fields


def _name_duplicate(names: list[str]) -> NoReturn:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            twice = name[:100]
            raise InvalidRequest(f"The field '{twice}' stands twice in one object.", code="invalid_json", param=twice)
        seen.add(name)
    raise AssertionError("no duplicate among the names")
