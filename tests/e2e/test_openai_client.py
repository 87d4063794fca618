"""The official OpenAI client, as applications use it: nothing changed but `base_url` and the key."""

import asyncio
from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel

from tests.support import scripts
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Script, Upstream


@pytest.fixture
def client(gateway: Gateway, app: Caller) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=app.key, max_retries=0, timeout=15) as made:
        yield made


MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]


def test_a_completion(client: openai.OpenAI, model: str) -> None:
    made = client.chat.completions.create(model=model, messages=MESSAGES)
    assert made.choices[0].message.content == "Hello there, friend."
    assert made.usage is not None
    assert made.usage.total_tokens == 15
    assert made._request_id


def test_a_stream_and_its_usage(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.stream(*scripts.words("Hel", "lo"), counted=scripts.usage(9, 2)))
    stream = client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 9


def test_the_asynchronous_client(gateway: Gateway, app: Caller, upstream: Upstream, model: str) -> None:
    async def converse() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=app.key, max_retries=0) as client:
            made = await client.chat.completions.create(model=f"{model}-unary", messages=MESSAGES)
            stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
            text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
            return made.choices[0].message.content, text

    upstream.script(model, scripts.stream(*scripts.words("Hel", "lo")))
    assert asyncio.run(converse()) == ("Hello there, friend.", "Hello")


def test_many_at_once(gateway: Gateway, app: Caller, model: str) -> None:
    async def ask_all() -> set[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=app.key, max_retries=0) as client:
            asked = [client.chat.completions.create(model=model, messages=MESSAGES) for _ in range(40)]
            return {made.choices[0].message.content for made in await asyncio.gather(*asked)}

    assert asyncio.run(ask_all()) == {"Hello there, friend."}


def test_models(client: openai.OpenAI) -> None:
    assert "named" in {model.id for model in client.models.list()}
    assert client.models.retrieve("named").id == "named"


ERRORS: dict[str, tuple[Script, type[openai.APIStatusError], str]] = {
    "400": (scripts.context_overflow(), openai.BadRequestError, "context_length_exceeded"),
    "429": (scripts.rate_limited({"retry-after": "1"}), openai.RateLimitError, "rate_limit_exceeded"),
    "500": (scripts.openai_error(500, "oops", type_="server_error"), openai.InternalServerError, "upstream_error"),
    "504": (scripts.hang_before_headers(), openai.InternalServerError, "upstream_timeout"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_arrive_as_the_clients_own_exceptions(
    client: openai.OpenAI, upstream: Upstream, model: str, name: str
) -> None:
    script, kind, code = ERRORS[name]
    upstream.script(model, script)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=MESSAGES)
    assert caught.value.code == code
    assert caught.value.request_id


def test_a_wrong_key_and_an_unknown_model(client: openai.OpenAI, gateway: Gateway) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="hr-wrong").chat.completions.create(model="named", messages=MESSAGES)
    limited = gateway.key(models=["t-*"])
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=limited).chat.completions.create(model="named", messages=MESSAGES)


def test_it_tries_again_where_the_gateway_says_so(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.rate_limited({"retry-after-ms": "20"}), scripts.answer())
    made = client.with_options(max_retries=2).chat.completions.create(model=model, messages=MESSAGES)
    assert made.choices[0].message.content
    assert len(upstream.seen(model)) == 2


def test_it_does_not_try_again_where_the_gateway_says_no(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.openai_error(500, "oops", type_="server_error"))
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=2).chat.completions.create(model=model, messages=MESSAGES)
    assert len(upstream.seen(model)) == 1


def test_a_broken_stream_raises_in_the_client(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("half "), then="cut"))
    text: list[str] = []

    def read(stream: openai.Stream[openai.types.chat.ChatCompletionChunk]) -> None:
        text.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    with (
        client.chat.completions.create(model=model, messages=MESSAGES, stream=True) as stream,
        pytest.raises(openai.APIError),
    ):
        read(stream)
    assert "".join(text) == "half "


def test_leaving_a_stream_early_frees_the_upstream(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.stream(*scripts.words(*["word "] * 400), interval_s=0.01))
    with client.chat.completions.create(model=model, messages=MESSAGES, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    assert eventually(lambda: upstream.only(model).closed_at, within_s=1)


def test_raw_headers_are_there(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)
    assert raw.headers["x-headrace-target"].startswith("alpha/")


class City(BaseModel):
    name: str
    country: str
    population: int


def test_structured_output_from_the_sandbox(client: openai.OpenAI) -> None:
    made = client.chat.completions.parse(model="sandbox-model", messages=MESSAGES, response_format=City)
    assert isinstance(made.choices[0].message.parsed, City)


def test_a_required_tool_call_from_the_sandbox(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(
        model="sandbox-model", messages=MESSAGES, tools=[openai.pydantic_function_tool(City)], tool_choice="required"
    )
    calls = made.choices[0].message.tool_calls
    assert calls is not None
    call = calls[0]
    assert call.type == "function"
    assert City.model_validate_json(call.function.arguments)
    assert made.choices[0].finish_reason == "tool_calls"
