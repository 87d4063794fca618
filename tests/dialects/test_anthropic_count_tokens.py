"""Counting tokens without asking a model, and the list of models."""

from typing import Any

import orjson
import pytest

from gateway.dialects.anthropic_count_tokens import AnthropicCountTokens
from gateway.dialects.anthropic_models import card, page
from gateway.errors import InvalidRequest

GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"name": "f", "description": "d" * 400, "input_schema": {"type": "object"}}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk=" * 10_000}}


def counted(**fields: Any) -> int:
    chat = AnthropicCountTokens().parse(orjson.dumps({**GOOD, **fields}), {})
    assert chat.own_answer is not None
    answer = orjson.loads(chat.own_answer)
    assert list(answer) == ["input_tokens"]
    return int(answer["input_tokens"])


def said(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def test_all_that_the_model_reads_counts() -> None:
    text = "word " * 800
    base = counted()
    assert counted(messages=said({"type": "text", "text": text})) - base == pytest.approx(1_000, rel=0.01)
    assert counted(system=text) - base == pytest.approx(1_000, rel=0.01)
    assert 200 < counted(tools=[TOOL]) - base < 300
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": text}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]}
    assert counted(messages=[*GOOD["messages"], call, result]) - base == pytest.approx(2_000, rel=0.02)


def test_an_image_counts_by_what_it_is_and_not_by_its_bytes() -> None:
    assert 1_000 < counted(messages=said(PIXEL)) < 2_000


def test_neither_a_limit_nor_a_stream_is_needed() -> None:
    chat = AnthropicCountTokens().parse(orjson.dumps({**GOOD, "stream": True}), {})
    assert not chat.stream
    assert chat.dialect == "anthropic_count_tokens"


def test_what_can_not_be_asked_is_not_counted() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    chat = AnthropicCountTokens().parse(orjson.dumps({**GOOD, "tools": tools}), {})
    assert chat.own_answer is None
    assert chat.untranslated is not None


def test_a_mistake_is_named() -> None:
    with pytest.raises(InvalidRequest, match="messages: Field required"):
        AnthropicCountTokens().parse(b'{"model":"m"}', {})


# The list of models

MODELS = [{"id": f"m{number}", "name": f"M {number}", "context_length": 40_960} for number in range(45)]


def test_a_model_as_anthropic_shows_it() -> None:
    assert card(MODELS[0]) == {
        "type": "model",
        "id": "m0",
        "display_name": "M 0",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 40_960,
        "max_tokens": None,
    }


def test_pages_lead_through_all_models_and_back() -> None:
    seen, query = [], dict[str, str]()
    while True:
        shown = page(MODELS, query)
        seen += [model["id"] for model in shown["data"]]
        if not shown["has_more"]:
            break
        query = {"after_id": shown["last_id"]}
    assert seen == [model["id"] for model in MODELS]
    back = page(MODELS, {"before_id": "m30", "limit": "10"})
    assert (back["first_id"], back["last_id"], back["has_more"]) == ("m20", "m29", True)
    assert page([], {}) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"after_id": "nobody"}])
def test_a_page_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        page(MODELS, query)
