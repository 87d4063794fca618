"""Embeddings: OpenAI's in, OpenAI's out."""

import orjson
import pytest

from backends.errors import BadAnswer, NotCarried
from backends.providers.gemini import GeminiAdapter
from backends.types import Clocks, Target, Usage
from tests.backends.gemini.common_form import chat

TARGET = Target("google", "gemini", "gemini-embedding-2", "https://gemini.example", "gemini.example", api_key="key-0")


def asked(**body: object) -> object:
    return chat({"model": "m", **body}, dialect="openai_embeddings")


def test_each_text_is_a_request_of_the_batch() -> None:
    request = GeminiAdapter().build_request(asked(input=["a", "b"], dimensions=8, user="u"), TARGET, Clocks())
    assert request.url == "https://gemini.example/v1beta/models/gemini-embedding-2:batchEmbedContents"
    assert orjson.loads(request.body) == {
        "requests": [
            {"model": "models/gemini-embedding-2", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8}
            for text in "ab"
        ]
    }
    assert request.dropped == ("user",)
    assert not request.stream


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2]], [], None])
def test_tokens_are_not_carried(given: object) -> None:
    with pytest.raises(NotCarried) as refused:
        GeminiAdapter().build_request(asked(input=given), TARGET, Clocks())
    assert refused.value.param == "input"


def test_vectors_come_back_in_order_with_what_was_counted() -> None:
    body = b'{"embeddings": [{"values": [0.5, 1]}, {"values": [2]}], "usageMetadata": {"promptTokenCount": 4}}'
    answer, usage = GeminiAdapter().read(asked(input=["a", "b"]), body)
    assert [entry["embedding"] for entry in answer["data"]] == [[0.5, 1], [2]]
    assert [entry["index"] for entry in answer["data"]] == [0, 1]
    assert usage == Usage(input=4)


def test_older_models_count_nothing() -> None:
    _, usage = GeminiAdapter().read(asked(input="a"), b'{"embeddings": [{"values": [0.5]}]}')
    assert usage is None


@pytest.mark.parametrize("body", [b"{}", b'{"embeddings": 7}', b'{"embeddings": [{}]}', b"x"])
def test_what_is_no_answer_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        GeminiAdapter().read(asked(input="a"), body)
