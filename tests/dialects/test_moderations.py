"""Moderations, as callers ask for them."""

import orjson
import pytest

from gateway.dialects.openai_moderations import DEFAULT_MODEL, OpenAIModerations
from tests.dialects.route_bodies import refused

DIALECT = OpenAIModerations()


@pytest.mark.parametrize("given", ["", "x", ["a", "b"], [{"type": "text", "text": "x"}]])
def test_an_input_is_text_texts_or_parts(given: object) -> None:
    assert DIALECT.parse(orjson.dumps({"model": "m", "input": given}), {}).body["input"] == given


@pytest.mark.parametrize("body", [b'{"input":"x"}', b'{"input":"x","model":null}'])
def test_a_model_that_is_left_out_is_openais_default(body: bytes) -> None:
    chat = DIALECT.parse(body, {})
    assert chat.model == DEFAULT_MODEL
    assert chat.raw is body


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "input"), ({"input": []}, "input"), ({"input": 3}, "input"), ({"input": "x", "model": ""}, "model")],
)
def test_each_mistake_names_its_field(body: dict[str, object], param: str) -> None:
    assert refused(DIALECT, body).param == param
