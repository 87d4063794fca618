"""The reference and the schema for editors, made from the same models."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.problems import RulesError
from gateway.routing.reference import describe, json_schema
from gateway.routing.rules import RoutingRules
from gateway.routing.schema.scalars import Rule
from gateway.routing.table import load


def all_rules(cls: type[Rule] = Rule) -> list[type[Rule]]:
    return [inner for sub in cls.__subclasses__() for inner in (sub, *all_rules(sub))]


def test_every_field_has_a_sentence() -> None:
    for model in all_rules():
        assert model.__doc__
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_the_reference_names_every_field_of_every_place() -> None:
    text = describe()
    assert text.startswith("Times are written")
    for model in all_rules():
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text
    assert "| `initial` | time | `100ms` |" in text
    assert "| **`objective`** |" in text
    assert "SecretStr" not in text


def test_the_json_schema_is_json_with_all_sections() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert set(schema["properties"]) == set(RoutingRules.model_fields)
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["GuardRules"]["properties"]) >= {"except", "only", "deny"}


@given(st.text(max_size=200))
def test_no_text_makes_the_loader_fail_in_any_other_way_than_by_saying_so(text: str) -> None:
    with suppress(RulesError):
        load(text, path="f.yaml", environment={}, read_file=lambda name: "")
