"""An instance of a JSON schema, as small as the schema allows and the same each time.

Understood are the keywords that OpenAI's strict mode and pydantic write: types, const and enum, $ref, anyOf, oneOf and
allOf, properties, items and every bound on size and value. `not`, conditions and `contains` are passed over.
Callers write schemas, so depth and size are bounded and nonsense is refused, never followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from backends.sandbox import value
from backends.sandbox.hints import Hints
from backends.sandbox.value import UnsatisfiableError

MAX_DEPTH = 64
MAX_NODES = 2_000
MAX_BYTES = 262_144
_SHALLOW = 4
"""Below this depth a schema that refers to itself is brought to an end where it can be."""

Schema = Mapping[str, Any]


def instance(schema: object, hints: Hints | None = None) -> Any:
    """A value that is valid for the schema. Raises UnsatisfiableError where none was found."""
    if len(orjson.dumps(schema)) > MAX_BYTES:
        raise UnsatisfiableError("the schema is too large")
    return _Maker(schema, hints or Hints()).make(schema, depth=0, nth=0)


@dataclass(slots=True)
class _Maker:
    root: object
    hints: Hints
    nodes: int = field(default=0, init=False)

    def make(self, schema: object, depth: int, nth: int) -> Any:
        """A value for one place; `nth` tells neighbours in an array apart."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise UnsatisfiableError("the schema is too deep or too large")
        if schema is False:
            raise UnsatisfiableError("the schema allows nothing")
        resolved = self._resolve(schema if isinstance(schema, Mapping) else {})
        if "const" in resolved:
            return resolved["const"]
        if isinstance(options := resolved.get("enum"), list) and options:
            return options[nth % len(options)]
        for keyword in ("anyOf", "oneOf"):
            if isinstance(branches := resolved.get(keyword), list) and branches:
                return self._branch(resolved, keyword, depth, nth)
        return self._typed(resolved, depth, nth)

    def _resolve(self, schema: Schema) -> Schema:
        """The schema with its references followed and `allOf` merged in."""
        seen = 0
        while "$ref" in schema or isinstance(schema.get("allOf"), list):
            seen += 1
            if seen > MAX_DEPTH:
                raise UnsatisfiableError("references go in a circle")
            rest = {key: part for key, part in schema.items() if key not in ("$ref", "allOf")}
            parts = [self._referred(schema["$ref"])] if "$ref" in schema else []
            parts += schema.get("allOf") or []
            for part in parts:
                rest = merge(rest, part) if isinstance(part, Mapping) else rest
            schema = rest
        return schema

    def _referred(self, reference: object) -> Schema:
        place: Any = self.root
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnsatisfiableError(f"$ref {str(reference)[:80]!r} leads outside the schema")
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, Mapping) and key in place:
                place = place[key]
            else:
                raise UnsatisfiableError(f"$ref {reference[:80]!r} leads nowhere")
        return place if isinstance(place, Mapping) else {}

    def _branch(self, schema: Schema, keyword: str, depth: int, nth: int) -> Any:
        rest = {key: part for key, part in schema.items() if key != keyword}
        branches = list(schema[keyword])
        if depth >= _SHALLOW:
            branches.sort(key=_weight)
        reason = UnsatisfiableError(f"no branch of {keyword} can be met")
        for branch in branches:
            if branch is False:
                continue
            try:
                return self.make(merge(rest, branch) if isinstance(branch, Mapping) else rest, depth + 1, nth)
            except UnsatisfiableError as error:
                reason = error
        raise reason

    def _typed(self, schema: Schema, depth: int, nth: int) -> Any:
        kind = _type_of(schema)
        if kind == "object":
            return self._object(schema, depth, nth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return value.string(schema, self.hints, nth)
        if kind in ("integer", "number"):
            return value.number(schema, self.hints, nth, whole=kind == "integer")
        return True if kind == "boolean" else None

    def _object(self, schema: Schema, depth: int, nth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = {name: None for name in required if isinstance(name, str)} if isinstance(required, list) else {}
        if not names and depth < _SHALLOW:
            names = dict.fromkeys(properties)  # an empty object would be valid, and of no use to anyone trying it out
        least = value.count(schema, "minProperties") or 0
        others = [name for name in properties if name not in names]
        additional = schema.get("additionalProperties", True)
        chosen = [*names, *others[: max(0, least - len(names))]]
        made = {name: self.make(properties.get(name, additional), depth + 1, nth) for name in chosen}
        while len(made) < least:
            made[f"property_{len(made) + 1}"] = self.make(additional, depth + 1, nth)
        return made

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        if schema.get("uniqueItems") is True:
            self.hints = Hints()  # counted up from one place to the next, values differ; mentioned ones may not
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        least = value.count(schema, "minItems") or 0
        # One item shows the shape, where the schema neither forbids it nor may go on for ever.
        if least == 0 and depth < _SHALLOW and schema.get("items") and value.count(schema, "maxItems") != 0:
            least = 1
        if least > MAX_NODES:
            raise UnsatisfiableError("minItems is too large")
        most = value.count(schema, "maxItems")
        size = max(least, len(first)) if most is None else max(least, min(len(first), most))
        items = schema.get("items", True)
        return [self.make(first[at] if at < len(first) else items, depth + 1, at) for at in range(size)]


def merge(one: Schema, other: Schema) -> dict[str, Any]:
    """What both schemas ask for together."""
    merged = dict(one)
    for key, part in other.items():
        merged[key] = _merge_keyword(key, merged[key], part) if key in merged else part
    return merged


def _merge_keyword(key: str, one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**one, **other} if key != "properties" else _merge_properties(one, other)
    if key in ("anyOf", "oneOf", "allOf", "required") and isinstance(one, list) and isinstance(other, list):
        return _merge_lists(key, one, other)
    if key in ("type", "enum"):
        return _common(key, one, other)
    if key.startswith(("min", "exclusiveMin")) and _are_numbers(one, other):
        return max(one, other)
    if key.startswith(("max", "exclusiveMax")) and _are_numbers(one, other):
        return min(one, other)
    return other


def _merge_properties(one: Schema, other: Schema) -> dict[str, Any]:
    merged = dict(one)
    for name, schema in other.items():
        mine = merged.get(name)
        both = isinstance(mine, Mapping) and isinstance(schema, Mapping)
        merged[name] = {"allOf": [mine, schema]} if both else schema
    return merged


def _merge_lists(key: str, one: list[Any], other: list[Any]) -> list[Any]:
    if key in ("required", "allOf"):
        return one + other
    # A choice on both sides: each of ours, narrowed by theirs in turn.
    return [{"allOf": [mine, {key: other}]} for mine in one]


def _common(key: str, one: Any, other: Any) -> Any:
    mine, theirs = (part if isinstance(part, list) else [part] for part in (one, other))
    allowed = {orjson.dumps(option) for option in theirs}
    both = [option for option in mine if orjson.dumps(option) in allowed]
    if key == "type" and not both and {"integer", "number"} <= {*map(str, mine), *map(str, theirs)}:
        both = ["integer"]
    if not both:
        raise UnsatisfiableError(f"{key} asks for two different things")
    return both


def _are_numbers(one: object, other: object) -> bool:
    return all(isinstance(part, int | float) and not isinstance(part, bool) for part in (one, other))


_KEYWORDS_OF = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def _type_of(schema: Schema) -> str:
    stated = schema.get("type")
    if isinstance(stated, list):
        stated = next((kind for kind in stated if kind != "null"), "null")
    if isinstance(stated, str):
        if stated not in ("object", "array", "string", "integer", "number", "boolean", "null"):
            raise UnsatisfiableError(f"type {stated[:40]!r} is unknown")
        return stated
    return next((kind for kind, words in _KEYWORDS_OF.items() if any(word in schema for word in words)), "string")


def _weight(branch: object) -> int:
    """How likely a branch is to go on for ever: those that end at once come first."""
    if not isinstance(branch, Mapping) or "$ref" in branch:
        return 2
    return 1 if branch.get("type") in ("object", "array") else 0
