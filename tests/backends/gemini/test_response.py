"""Whole answers of Gemini's in the common form."""

from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, Fault, Refused
from backends.providers.gemini import GeminiAdapter
from tests.backends.gemini.common_form import FIXTURES, chat, expected, said_by

ANSWERS = sorted(
    place for place in (FIXTURES / "gemini").glob("unary_*.json") if not place.name.endswith(".expected.json")
)


def read(answer: object) -> dict:
    return GeminiAdapter().read(chat(), orjson.dumps(answer)).answer


@pytest.mark.parametrize("place", ANSWERS, ids=lambda place: place.stem)
def test_an_answer_says_what_gemini_said(place: Path) -> None:
    assert said_by(GeminiAdapter().read(chat(), place.read_bytes())) == expected(place)


def test_an_answer_has_openais_shape() -> None:
    place = FIXTURES / "gemini" / "unary_thoughts_and_call.json"
    answer = GeminiAdapter().read(chat(), place.read_bytes()).answer
    assert (answer["object"], answer["created"], answer["model"]) == (
        "chat.completion",
        1_700_000_000,
        "gemini-2.5-flash",
    )
    assert "usage" not in answer
    message = answer["choices"][0]["message"]
    assert message["reasoning_content"] == message["reasoning"]
    (call,) = message["tool_calls"]
    assert call["id"] == "a1b2c3d4"
    assert "index" not in call


def test_a_tier_is_named_as_openai_names_it() -> None:
    place = FIXTURES / "gemini" / "unary_text.json"
    assert GeminiAdapter().read(chat(), place.read_bytes()).answer["service_tier"] == "default"


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    (choice,) = read({"promptFeedback": {"blockReason": "BLOCKLIST"}})["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["native_finish_reason"] == "BLOCKLIST"
    assert choice["message"]["content"] is None
    assert "BLOCKLIST" in choice["message"]["refusal"]


def test_why_an_answer_was_held_back_is_told() -> None:
    place = FIXTURES / "gemini" / "unary_safety.json"
    message = GeminiAdapter().read(chat(), place.read_bytes()).answer["choices"][0]["message"]
    assert message["refusal"] == "The answer was held back."


def test_code_that_was_run_is_kept_beside_the_text() -> None:
    place = FIXTURES / "gemini" / "unary_code_run.json"
    message = GeminiAdapter().read(chat(), place.read_bytes()).answer["choices"][0]["message"]
    assert [note["type"] for note in message["annotations"]] == ["executable_code", "code_execution_result"]


def test_images_come_as_data_urls() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    (choice,) = read({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})["choices"]
    assert choice["message"]["images"][0]["image_url"] == {"url": "data:image/png;base64,iVBO"}


def test_logprobs_are_openais() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 5, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1.5}]}],
    }
    answer = read({"candidates": [{"content": {"parts": [{"text": "é"}]}, "logprobsResult": result}]})
    (token,) = answer["choices"][0]["logprobs"]["content"]
    assert (token["token"], token["logprob"], token["bytes"]) == ("é", -0.5, [0xC3, 0xA9])
    assert token["top_logprobs"] == [{"token": "e", "logprob": -1.5, "bytes": [101]}]


def test_recited_text_is_cited_and_sources_of_the_whole_span_it() -> None:
    recited = {"citationSources": [{"startIndex": 0, "endIndex": 4, "uri": "https://a.example"}]}
    chunks = {"groundingChunks": [{"web": {"uri": "https://b.example", "title": "b"}}]}
    candidate = {"content": {"parts": [{"text": "äöx"}]}, "citationMetadata": recited, "groundingMetadata": chunks}
    notes = [note["url_citation"] for note in read({"candidates": [candidate]})["choices"][0]["message"]["annotations"]]
    assert [(note["url"], note["start_index"], note["end_index"]) for note in notes] == [
        ("https://b.example", 0, 3),
        ("https://a.example", 0, 2),
    ]


def test_an_error_inside_a_200_is_a_refusal() -> None:
    with pytest.raises(Refused) as refused:
        read({"error": {"code": 429, "message": "slow down", "details": [{"retryDelay": "7s"}]}})
    assert refused.value.fault is Fault.CAPACITY
    assert refused.value.retry_after_s == 7


@pytest.mark.parametrize("answer", [{}, [], 7, {"candidates": []}, {"candidates": [7]}, {"promptFeedback": {}}])
def test_what_is_no_answer_is_a_bad_one(answer: object) -> None:
    with pytest.raises(BadAnswer):
        read(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["candidates", "content", "parts", "text", "functionCall", "index", "groundingMetadata"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_no_json_crashes_it(answer: object) -> None:
    with suppress(BadAnswer, Refused):
        read(answer)
