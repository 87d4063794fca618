"""The routing file's reference for docs/configuration.md, made from the schema so that it can't fall behind it."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.routing.rules import RoutingRules
from gateway.routing.schema import scalars

_WORDS: tuple[tuple[Any, str], ...] = (
    (scalars.Duration, "time"),
    (scalars.FirstToken, "time or `learned`"),
    (scalars.HedgeAfter, "time or `p50`, `p90`, `p95`, `p99`"),
    (scalars.Share, "share"),
    (scalars.NanoUsd, "USD"),
    (scalars.Flag, "true or false"),
    (scalars.Url, "URL"),
    (scalars.Status, "status"),
)
_PRIMITIVES = {int: "whole number", float: "number", str: "word", bool: "true or false", SecretStr: "secret"}


def describe() -> str:
    """Markdown: one table for each place in the file, the outermost first. Bold fields are required."""
    parts = [
        "Times are written as `250ms`, `2s`, `10m`, `24h`; shares as `5%`; amounts in USD, prices in USD per million "
        "tokens. `${NAME}`, `${NAME:-default}` and `${file:/path}` may stand in any value. Bold fields are required.",
    ]
    for name, model in _places():
        parts.append(f"### {name}\n\n{_first_line(model)}\n\n" + "\n".join(_table(model)))
    return "\n\n".join(parts) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    schema = RoutingRules.model_json_schema(by_alias=True)
    _drop_inner_defaults(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Headrace routing rules"}
    return head | {key: value for key, value in schema.items() if key != "title"}


def _drop_inner_defaults(schema: Any) -> None:
    """Take out defaults in our own units: an editor would offer `0.1` where the file says `100ms`."""
    if isinstance(schema, dict):
        kinds = [option.get("type") for option in schema.get("anyOf", ()) if isinstance(option, dict)]
        if isinstance(schema.get("default"), float) and "number" not in kinds:
            del schema["default"]
        for inner in list(schema.values()):
            _drop_inner_defaults(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _drop_inner_defaults(inner)


def _places() -> list[tuple[str, type[BaseModel]]]:
    """Every mapping of the schema once, breadth first, under the name of the place where it is met first."""
    found: dict[type[BaseModel], str] = {RoutingRules: "The file"}
    waiting: list[tuple[str, type[BaseModel]]] = [("", RoutingRules)]
    while waiting:
        where, model = waiting.pop(0)
        for name, field in model.model_fields.items():
            for inner, suffix in _models_in(field.annotation):
                if inner not in found:
                    place = f"{where}.{field.alias or name}{suffix}".lstrip(".")
                    found[inner] = f"`{place}`"
                    waiting.append((place, inner))
    return [(name, model) for model, name in found.items()]


def _models_in(kind: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    origin = get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, suffix
    elif origin is Annotated:
        yield from _models_in(get_args(kind)[0], suffix)
    elif origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _models_in(member, suffix)
    elif origin is tuple:
        yield from _models_in(get_args(kind)[0], suffix + "[]")
    elif origin is dict:
        yield from _models_in(get_args(kind)[1], suffix + ".NAME")


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        shown = f"`{field.alias or name}`"
        required = field.is_required()
        yield (
            f"| {f'**{shown}**' if required else shown} | {_type(_whole(field))} "
            f"| {'' if required else _default(field)} | {field.description or ''} |"
        )


def _whole(field: FieldInfo) -> Any:
    """The field's annotation with what pydantic took off it."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _type(kind: Any) -> str:
    for known, word in _WORDS:
        if kind == known:
            return word
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(member) for member in inner if member is not type(None)))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"name → {_type(inner[1])}"
    return _PRIMITIVES.get(kind, "mapping" if isinstance(kind, type) and issubclass(kind, BaseModel) else "anything")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if _type(_whole(field)) == "time":
        return f"`{value * 1000:g}ms`" if value < 1 else f"`{value:g}s`"
    if _type(_whole(field)) == "share":
        return f"`{value:.0%}`"
    return f"`{value}`"


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
