"""Pictures, as callers ask for them."""

import orjson
import pytest

from backends.types import AnswerKind
from gateway.dialects.openai_images import DEFAULT_MODEL, OpenAIImages
from tests.dialects.route_bodies import refused

DIALECT = OpenAIImages()


def test_a_prompt_is_enough() -> None:
    chat = DIALECT.parse(b'{"prompt":"a lighthouse"}', {})
    assert (chat.model, chat.stream, chat.answers) == (DEFAULT_MODEL, False, AnswerKind.DATA)


def test_a_stream_is_asked_for_in_the_body() -> None:
    body = {"model": "m", "prompt": "x", "stream": True, "partial_images": 2, "quality": "high", "n": 1}
    assert DIALECT.parse(orjson.dumps(body), {}).stream


@pytest.mark.parametrize(
    ("change", "param"),
    [({"prompt": ""}, "prompt"), ({"prompt": ["x"]}, "prompt"), ({"n": 0}, "n"), ({"stream": "true"}, "stream")],
)
def test_each_mistake_names_its_field(change: dict[str, object], param: str) -> None:
    assert refused(DIALECT, {"model": "m", "prompt": "x", **change}).param == param
