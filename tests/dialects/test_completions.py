"""Text completions, as callers send them."""

import orjson
import pytest

from backends.types import AnswerKind
from gateway.dialects.openai_completions import OpenAICompletions
from tests.dialects.route_bodies import refused

DIALECT = OpenAICompletions()


@pytest.mark.parametrize("prompt", ["", "Once", ["a", "b"], [1, 2, 3], [[1, 2], [3]]])
def test_a_prompt_is_text_or_tokens_one_or_several(prompt: object) -> None:
    chat = DIALECT.parse(orjson.dumps({"model": "m", "prompt": prompt}), {})
    assert (chat.model, chat.dialect, chat.stream, chat.plain) == ("m", "openai_completions", False, True)
    assert chat.answers is AnswerKind.TEXT
    assert chat.body["prompt"] == prompt


def test_a_stream_and_its_usage() -> None:
    body = {"model": "m", "prompt": "x", "stream": True, "stream_options": {"include_usage": True}}
    chat = DIALECT.parse(orjson.dumps(body), {})
    assert (chat.stream, chat.wants_usage) == (True, True)


def test_what_the_gateway_does_not_know_is_carried_along() -> None:
    body = b'{"model":"m", "prompt_embeds": "AAAA", "max_tokens": 0, "logit_bias": null}'
    chat = DIALECT.parse(body, {})
    assert chat.raw is body
    assert not chat.plain


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"echo": 1}, "echo"),
    ],
)
def test_each_mistake_names_its_field(change: dict[str, object], param: str) -> None:
    error = refused(DIALECT, {"model": "m", "prompt": "x", **change})
    assert (error.code, error.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nope",
        b'{"model":"a","prompt":"x","model":"b"}',
        b'{"model":"a","prompt":"x","mod\\u0065l":"b"}',
        b'{"prompt":"x","model":"m","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
    ids=range(6),
)
def test_what_is_no_plain_object_is_refused(body: bytes) -> None:
    assert refused(DIALECT, body).code in ("invalid_json", "invalid_request")


def test_only_a_target_that_speaks_it_can_be_asked() -> None:
    """A chat's template around the prompt would make another question of it."""
    chat = DIALECT.parse(b'{"model":"m","prompt":"x"}', {})
    assert chat.untranslated is not None
    assert chat.untranslated[0] == "model"
