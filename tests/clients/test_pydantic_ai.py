"""pydantic-ai, with its model class for OpenAI's protocol, in front of every protocol."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import openai
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, models
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.clients import stage
from tests.conformance.said import TEXT
from tests.support.gateway import Gateway

T = TypeVar("T")


class City(BaseModel):
    city: str
    people: int


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all: the client keeps its connections."""
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(scope="module")
def provider(fronted: Gateway, api_key: str, runner: asyncio.Runner) -> Iterator[OpenAIProvider]:
    assert models.ALLOW_MODEL_REQUESTS
    client = openai.AsyncOpenAI(base_url=f"{fronted.base_url}/v1", api_key=api_key, max_retries=0, timeout=15)
    yield OpenAIProvider(openai_client=client)
    runner.run(client.close())


def run(runner: asyncio.Runner, work: Coroutine[Any, Any, T]) -> T:
    return runner.run(work)


def test_an_answer(runner: asyncio.Runner, provider: OpenAIProvider, model: str) -> None:
    agent = Agent(OpenAIChatModel(model, provider=provider), instructions="Be brief.")
    result = run(runner, agent.run(stage.TEXT_PROMPT))
    assert result.output == TEXT.text
    assert result.usage.output_tokens == 17


def test_a_stream(runner: asyncio.Runner, provider: OpenAIProvider, model: str) -> None:
    async def streamed() -> list[str]:
        async with Agent(OpenAIChatModel(model, provider=provider)).run_stream(stage.TEXT_PROMPT) as result:
            return [text async for text in result.stream_text(delta=True, debounce_by=None)]

    pieces = run(runner, streamed())
    assert "".join(pieces) == TEXT.text
    assert len(pieces) > 1


def test_a_tool_is_called_and_answered(runner: asyncio.Runner, provider: OpenAIProvider, model: str) -> None:
    asked: list[str] = []
    agent = Agent(OpenAIChatModel(model, provider=provider))

    @agent.tool_plain(name=stage.TOOL_NAME)
    def look(place: str) -> str:
        """Look outside."""
        asked.append(place)
        return stage.OUTSIDE

    assert run(runner, agent.run(stage.TOOL_PROMPT)).output == stage.TOLD.text
    assert asked == ["Nørrebro"]


def test_an_answer_by_a_schema(runner: asyncio.Runner, provider: OpenAIProvider, model: str) -> None:
    agent = Agent(OpenAIChatModel(model, provider=provider), output_type=NativeOutput(City))
    assert run(runner, agent.run(stage.CITY_PROMPT)).output == City(city="Aarhus", people=290598)


def test_errors_are_the_clients_own(runner: asyncio.Runner, provider: OpenAIProvider, model: str) -> None:
    agent = Agent(OpenAIChatModel(model, provider=provider))
    for prompt, status in ((stage.LONG_PROMPT, 400), (stage.LIMITED_PROMPT, 429)):
        with pytest.raises(ModelHTTPError) as caught:
            run(runner, agent.run(prompt))
        assert caught.value.status_code == status
