"""Embeddings and rankings: the routes' own bodies as Cohere's, and back."""

import json
from typing import Any

import pytest

from backends.errors import BadAnswer, NotCarried
from backends.providers.cohere import CohereAdapter
from backends.types import ChatRequest, Clocks, UpstreamRequest, Usage
from tests.backends.cohere.played import asked, target


def embed(**body: Any) -> ChatRequest:
    return asked({"model": "m", **body}, dialect="openai_embeddings")


def rerank(**body: Any) -> ChatRequest:
    return asked({"model": "m", "query": "fog", "documents": ["a", "b"], **body}, dialect="rerank")


def built(chat: ChatRequest) -> UpstreamRequest:
    return CohereAdapter().build_request(chat, target("the-model"), Clocks())


# Embeddings


def test_texts_are_embedded_as_documents_unless_the_caller_says_what_for() -> None:
    request = built(embed(input="Fog"))
    assert request.url == "https://api.cohere.com/v2/embed"
    assert json.loads(request.body) == {
        "model": "the-model",
        "texts": ["Fog"],
        "input_type": "search_document",
        "embedding_types": ["float"],
    }
    assert json.loads(built(embed(input=["Fog"], input_type="query")).body)["input_type"] == "search_query"


def test_dimensions_are_carried_and_the_rest_is_named() -> None:
    request = built(embed(input=["a", "b"], dimensions=256, encoding_format="base64", user="u"))
    assert json.loads(request.body)["output_dimension"] == 256
    assert json.loads(request.body)["embedding_types"] == ["float"]  # base64 is the dialect's to make
    assert request.dropped == ("user",)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": [[1, 2, 3]]}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": []}, "input"),
        ({"input": ["x"] * 97}, "input"),
        ({"input": "x", "input_type": "poem"}, "input_type"),
    ],
)
def test_what_cohere_does_not_embed_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(NotCarried) as refused:
        built(embed(**body))
    assert refused.value.param == param


def test_embeddings_come_as_openais_list() -> None:
    answer = {
        "id": "e",
        "embeddings": {"float": [[0.5, -1.0], [0.0, 2.0]]},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}},
        "response_type": "embeddings_by_type",
    }
    completion = CohereAdapter().read(embed(input=["a", "b"]), json.dumps(answer).encode())
    assert completion.answer == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.0, 2.0]},
        ],
        "model": "m",
    }
    assert completion.usage == Usage(7)


@pytest.mark.parametrize("body", [b"{}", b'{"embeddings": [[1]]}', b'{"embeddings": {"int8": [[1]]}}', b"x"])
def test_an_answer_without_embeddings_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        CohereAdapter().read(embed(input="x"), body)


# Rankings


def test_a_ranking_passes_nearly_as_it_came() -> None:
    request = built(rerank(top_n=1, return_documents=True, max_tokens_per_doc=512, max_chunks_per_doc=3))
    assert request.url == "https://api.cohere.com/v2/rerank"
    assert json.loads(request.body) == {
        "model": "the-model",
        "query": "fog",
        "documents": ["a", "b"],
        "top_n": 1,
        "max_tokens_per_doc": 512,
    }
    assert request.dropped == ("max_chunks_per_doc",)


def test_documents_that_are_objects_become_texts() -> None:
    documents = [{"text": "a"}, {"title": "B", "text": "b"}]
    sent = json.loads(built(rerank(documents=documents, top_k=2)).body)
    assert sent["documents"] == ["a", '{"title":"B","text":"b"}']
    assert sent["top_n"] == 2


def test_pictures_are_not_ranked() -> None:
    with pytest.raises(NotCarried) as refused:
        built(rerank(documents=["a", {"image": "https://x.example/a.png"}]))
    assert refused.value.param == "documents[1]"


def test_results_come_as_they_are_with_the_documents_that_were_asked_for() -> None:
    answer = {
        "id": "r",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }
    body = json.dumps(answer).encode()
    plain = CohereAdapter().read(rerank(), body)
    assert plain.answer == {"model": "m", **answer}
    assert plain.usage == Usage()
    told = CohereAdapter().read(rerank(return_documents=True, documents=["a", {"text": "b"}]), body)
    assert [result["document"] for result in told.answer["results"]] == [{"text": "b"}, {"text": "a"}]


def test_an_answer_without_results_is_a_bad_one() -> None:
    with pytest.raises(BadAnswer):
        CohereAdapter().read(rerank(), b'{"message": "x"}')
