"""The schema's verdict on a document, told by place: which line, which field, what would be right.

No message repeats a value that came out of the environment, or that stands where a secret belongs.
"""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.routing.problems import Path, did_you_mean, one_of, printable, show_path
from gateway.routing.rules import RoutingRules
from gateway.routing.schema.providers import SECRET_FIELDS
from gateway.routing.source import Document

_MESSAGES = {
    "missing": "this key is required",
    "string_type": "a word is needed here (put quotes around a number, true or false)",
    "model_type": "a mapping is needed here (key: value)",
    "model_attributes_type": "a mapping is needed here (key: value)",
    "dict_type": "a mapping is needed here (key: value)",
    "list_type": "a list is needed here",
    "tuple_type": "a list is needed here",
    "int_type": "a whole number is needed here",
    "int_parsing": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "float_type": "a number is needed here",
    "float_parsing": "a number is needed here",
    "finite_number": "a finite number is needed here",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
}


def validate(document: Document) -> RoutingRules | None:
    """The rules, or None with what is wrong noted in the document."""
    try:
        return RoutingRules.model_validate(document.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            _note(document, detail)
        return None


def _note(document: Document, detail: ErrorDetails) -> None:
    of_key = bool(detail["loc"]) and detail["loc"][-1] == "[key]"
    missing = detail["type"] == "missing"
    told = {problem.where for problem in document.problems}
    path = _path_in(document, detail["loc"][:-1] if of_key or missing else detail["loc"])
    if detail["type"].endswith("_type") and show_path(path) in told:
        return  # it is empty because of what has been told already
    if missing:
        document.problem((*path, detail["loc"][-1]), _MESSAGES["missing"])
    elif detail["type"] == "extra_forbidden":
        allowed = sorted(_fields_at(path[:-1]))
        name = str(path[-1])
        hint = did_you_mean(name, allowed) or f"; allowed: {one_of(allowed, limit=60)}"
        document.problem(path, f"unknown key '{printable(name)}'{hint}", of_key=True)
    else:
        document.problem(path, _message(detail) + _given(document, path, detail, of_key=of_key), of_key=of_key)


def _message(detail: ErrorDetails) -> str:
    template = _MESSAGES.get(detail["type"])
    return template.format(**detail.get("ctx", {})) if template else detail["msg"]


def _given(document: Document, path: Path, detail: ErrorDetails, *, of_key: bool) -> str:
    """What stands there instead, where it may be repeated."""
    value = value_at(document.data, path)
    if of_key or path in document.substituted or is_secret(path):
        return ""
    if not isinstance(value, str | int | float) or value == "" or (isinstance(value, str) and "@" in value):
        return ""  # a URL may carry a password
    text = str(value).lower() if isinstance(value, bool) else str(value)
    shown = f", not '{printable(text, 60)}'"
    if detail["type"] == "literal_error":
        words = [word.strip(" '") for word in str(detail["ctx"]["expected"]).replace(" or ", ", ").split(",")]
        shown += did_you_mean(str(value), words)
    return shown


def is_secret(path: Path) -> bool:
    """Whether a secret belongs at this place."""
    return len(path) >= 3 and path[0] == "providers" and path[2] in (*SECRET_FIELDS, "headers")


def value_at(data: Any, path: Path) -> Any:
    """What stands at a path, None where nothing does."""
    for part in path:
        if isinstance(data, dict) or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data.get(part) if isinstance(data, dict) else data[int(part)]
        else:
            return None
    return data


def _path_in(document: Document, location: tuple[str | int, ...]) -> Path:
    """The place of an error in the file: pydantic's location without the names of union members and short forms."""
    path: Path = ()
    for part in location:
        if (*path, part) in document.values or (*path, part) in document.keys:
            path = (*path, part)
    return path


def _fields_at(path: Path) -> set[str]:
    """The keys that the mapping at this path may have."""
    kinds: list[Any] = [RoutingRules]
    for part in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return {field.alias or name for kind in kinds for name, field in _models(kind)}


def _models(kind: Any) -> Iterator[tuple[str, Any]]:
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield from member.model_fields.items()


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """The types that may stand under this key or index of a type."""
    for member in _members(kind):
        origin = get_origin(member)
        if isinstance(member, type) and issubclass(member, BaseModel):
            for name, field in member.model_fields.items():
                if (field.alias or name) == part:
                    yield field.annotation
        elif origin in (dict, Mapping):
            yield get_args(member)[1]
        elif origin is tuple:
            yield get_args(member)[0]


def _members(kind: Any) -> Iterator[Any]:
    """The members of a union, annotations taken off."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _members(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind
