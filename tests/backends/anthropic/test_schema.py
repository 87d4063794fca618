"""Schemas as Anthropic's structured outputs take them."""

from typing import Any

import pytest

from backends.errors import NotCarried
from backends.providers.anthropic.schema import closed


def test_every_object_is_closed() -> None:
    schema = {
        "type": "object",
        "properties": {"crew": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "$defs": {"Mate": {"type": "object", "properties": {}, "additionalProperties": True}},
        "anyOf": [{"type": "object"}],
    }
    sent, softened = closed(schema, "p")
    assert sent["additionalProperties"] is False
    assert sent["properties"]["crew"]["items"]["additionalProperties"] is False
    assert sent["$defs"]["Mate"]["additionalProperties"] is False
    assert sent["anyOf"][0]["additionalProperties"] is False
    assert softened == frozenset()


def test_bounds_become_words_and_are_named() -> None:
    schema = {"type": "string", "description": "A name.", "minLength": 2, "pattern": "^a", "format": "email"}
    sent, softened = closed(schema, "p")
    assert sent == {"type": "string", "description": 'A name. {"minLength":2,"pattern":"^a"}', "format": "email"}
    assert softened == {"minLength", "pattern"}


def test_a_property_may_be_called_like_a_keyword() -> None:
    sent, softened = closed({"type": "object", "properties": {"minimum": {"type": "integer"}}}, "p")
    assert sent["properties"] == {"minimum": {"type": "integer"}}
    assert not softened


def test_small_arrays_and_known_formats_are_taken() -> None:
    assert closed({"type": "array", "minItems": 1}, "p") == ({"type": "array", "minItems": 1}, frozenset())
    assert closed({"type": "array", "minItems": 2}, "p")[1] == {"minItems"}
    assert closed({"type": "string", "format": "sea-mile"}, "p")[1] == {"format"}
    assert "anyOf" in closed({"oneOf": [{"type": "null"}]}, "p")[0]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}},
        {"$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}}},
        {"type": "object", "properties": {"child": {"$ref": "#"}}},
    ],
)
def test_a_schema_that_leads_back_into_itself_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(NotCarried) as refused:
        closed(schema, "response_format.json_schema.schema")
    assert refused.value.param == "response_format.json_schema.schema"


def test_a_definition_used_twice_is_no_circle() -> None:
    crew = {"a": {"$ref": "#/$defs/Mate"}, "b": {"$ref": "#/$defs/Mate"}}
    closed({"type": "object", "properties": crew, "$defs": {"Mate": {"type": "object"}}}, "p")


def test_a_schema_without_a_bottom_in_sight_is_refused() -> None:
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(900):
        deep = {"type": "array", "items": deep}
    with pytest.raises(NotCarried):
        closed(deep, "p")
