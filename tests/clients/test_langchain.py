"""LangChain's model class for OpenAI's protocol, in front of every protocol; its standard tests are in tests/e2e."""

from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.clients import stage
from tests.conformance.said import TEXT
from tests.support.gateway import Gateway


class City(BaseModel):
    """A city."""

    city: str
    people: int


@tool(stage.TOOL_NAME)
def look(place: str) -> str:
    """Look outside."""
    return f"{stage.OUTSIDE} ({place})"


@pytest.fixture
def chat(fronted: Gateway, api_key: str, model: str) -> ChatOpenAI:
    return ChatOpenAI(base_url=f"{fronted.base_url}/v1", api_key=api_key, model=model, max_retries=0, timeout=15)


def test_an_answer_whole_and_as_a_stream(chat: ChatOpenAI) -> None:
    whole = chat.invoke(stage.TEXT_PROMPT)
    assert (whole.content, whole.usage_metadata and whole.usage_metadata["output_tokens"]) == (TEXT.text, 17)
    assert "".join(str(piece.content) for piece in chat.stream(stage.TEXT_PROMPT)) == TEXT.text


def test_a_tool_is_called_and_answered(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([look])
    turns: list[Any] = [HumanMessage(stage.TOOL_PROMPT)]
    called = bound.invoke(turns)
    assert isinstance(called, AIMessage)
    [call] = called.tool_calls
    assert (call["name"], call["args"]) == (stage.TOOL_NAME, {"place": "Nørrebro"})
    answered: ToolMessage = look.invoke(call)
    assert bound.invoke([*turns, called, answered]).content == stage.TOLD.text


def test_an_answer_by_a_schema(chat: ChatOpenAI) -> None:
    made = chat.with_structured_output(City, method="json_schema").invoke(stage.CITY_PROMPT)
    assert made == City(city="Aarhus", people=290598)


def test_errors_are_the_clients_own(chat: ChatOpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        chat.invoke(stage.LONG_PROMPT)
    with pytest.raises(openai.RateLimitError):
        chat.invoke(stage.LIMITED_PROMPT)
