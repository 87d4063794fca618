"""Rankings, as callers ask for them."""

import orjson
import pytest

from backends.types import AnswerKind
from gateway.dialects.rerank import Rerank
from tests.dialects.route_bodies import refused

DIALECT = Rerank()
GOOD = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}]}


def test_a_query_and_documents() -> None:
    chat = DIALECT.parse(orjson.dumps({**GOOD, "top_n": 0, "truncate": "END"}), {})
    assert (chat.dialect, chat.stream, chat.answers) == ("rerank", False, AnswerKind.DATA)
    assert chat.untranslated is None


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": 3}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", 3]}, "documents[1]"),
        ({"top_n": -1}, "top_n"),
        ({"top_n": 1.5}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
    ],
)
def test_each_mistake_names_its_field(change: dict[str, object], param: str) -> None:
    assert refused(DIALECT, {**GOOD, **change}).param == param
