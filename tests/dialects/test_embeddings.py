"""Embeddings, as callers send them and get them."""

import base64
import struct

import orjson
import pytest

from backends.types import AnswerKind, Usage
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from tests.dialects.route_bodies import refused

DIALECT = OpenAIEmbeddings()


@pytest.mark.parametrize("given", ["x", ["a", "b"], [1, 2], [[1], [2]], [{"image": "data:..."}]])
def test_an_input_is_text_tokens_or_several(given: object) -> None:
    chat = DIALECT.parse(orjson.dumps({"model": "m", "input": given, "dimensions": 8}), {})
    assert (chat.body["input"], chat.stream, chat.answers) == (given, False, AnswerKind.DATA)
    assert chat.untranslated is None  # adapters of other protocols carry it


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"encoding_format": 1}, "encoding_format"),
    ],
)
def test_each_mistake_names_its_field(change: dict[str, object], param: str) -> None:
    assert refused(DIALECT, {"model": "m", "input": "x", **change}).param == param


def test_vllms_conversations_are_an_input_too() -> None:
    assert DIALECT.parse(b'{"model":"m","messages":[{"role":"user","content":"x"}]}', {}).model == "m"


def test_a_translated_answer_in_either_encoding() -> None:
    answer = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.5]}], "model": "e"}
    plain = DIALECT.parse(b'{"model":"m","input":"x"}', {})
    rendered = orjson.loads(DIALECT.render(plain, answer, Usage(input=3)))
    assert rendered["data"][0]["embedding"] == [0.25, -1.5]
    assert rendered["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    packed = DIALECT.parse(b'{"model":"m","input":"x","encoding_format":"base64"}', {})
    rendered = orjson.loads(DIALECT.render(packed, answer, None))
    assert struct.unpack("<2f", base64.b64decode(rendered["data"][0]["embedding"])) == (0.25, -1.5)
    assert "usage" not in rendered
