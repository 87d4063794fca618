"""The official Anthropic client, and a coding agent's way of using it: nothing changed but `base_url` and the key."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Script, Upstream

STREAMS = Path(__file__).parents[1] / "fixtures" / "anthropic_messages"
MESSAGES: list[MessageParam] = [{"role": "user", "content": "Say hello."}]
TIDES: ToolParam = {
    "name": "tide_table",
    "description": "When the tide is high.",
    "input_schema": {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
}
BODY = {"max_tokens": 100, "messages": MESSAGES}


@pytest.fixture(params=["", "/anthropic"])
def client(request: pytest.FixtureRequest, gateway: Gateway, app: Caller) -> Iterator[anthropic.Anthropic]:
    """Under both addresses that a client may be given."""
    base_url = f"{gateway.base_url}{request.param}"
    with anthropic.Anthropic(base_url=base_url, api_key=app.key, max_retries=0, timeout=15) as made:
        yield made


@pytest.fixture
def agent(gateway: Gateway, app: Caller) -> Iterator[anthropic.Anthropic]:
    """As a coding agent is set up: ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN."""
    base_url = f"{gateway.base_url}/anthropic"
    with anthropic.Anthropic(base_url=base_url, auth_token=app.key, api_key=None, max_retries=0, timeout=15) as made:
        yield made


def stream_of(name: str) -> Script:
    return scripts.raw_stream((STREAMS / f"{name}.sse").read_bytes())


def sent(upstream: Upstream, model: str) -> dict[str, Any]:
    """What the provider got for the only request."""
    body: dict[str, Any] = upstream.only(model).json
    return body


def test_a_message(client: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    made = client.messages.create(model=model, max_tokens=100, messages=MESSAGES, system="Be brief.")
    assert made.content[0].type == "text"
    assert made.content[0].text == "Hello there, friend."
    assert (made.stop_reason, made.usage.input_tokens, made.usage.output_tokens) == ("end_turn", 10, 5)
    assert made._request_id
    body = sent(upstream, model)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert 100 in (body.get("max_completion_tokens"), body.get("max_tokens"))


def test_a_stream(client: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.stream(*scripts.words("Hel", "lo"), counted=scripts.usage(9, 2, cached=4)))
    with client.messages.stream(model=model, max_tokens=100, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == "Hello"
        made = stream.get_final_message()
    assert (made.usage.input_tokens, made.usage.cache_read_input_tokens, made.usage.output_tokens) == (5, 4, 2)
    assert upstream.only(model).asked_for_usage


def test_thinking_and_a_tool_in_a_conversation_with_a_model_that_signs_nothing(
    agent: anthropic.Anthropic, upstream: Upstream, model: str
) -> None:
    upstream.script(model, stream_of("thinking_then_tool"), stream_of("thinking_then_text"))
    options: dict[str, Any] = {
        "model": model,
        "max_tokens": 8_000,
        "tools": [TIDES],
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=12ab3;"},
            {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
        ],
        "metadata": {"user_id": "user_" + "a" * 64 + "_session_1"},
    }
    with agent.messages.stream(messages=MESSAGES, **options) as stream:
        asked = stream.get_final_message()
    thinking, call = asked.content
    assert (thinking.type, call.type, asked.stop_reason) == ("thinking", "tool_use", "tool_use")
    turns: list[Any] = [
        *MESSAGES,
        {"role": "assistant", "content": asked.content},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "04:12"}]},
                {"type": "text", "text": "Go on."},
            ],
        },
    ]
    with agent.messages.stream(messages=turns, **options) as stream:
        told = stream.get_final_message()
    assert [block.type for block in told.content] == ["thinking", "text"]
    first, second = (exchange.json for exchange in upstream.seen(model))
    assert "billing" not in json.dumps(first)
    assert first["reasoning_effort"] == "low"
    assert first["tools"][0]["function"]["name"] == "tide_table"
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool", "user"]
    said = second["messages"][2]
    assert said["tool_calls"][0]["id"] == second["messages"][3]["tool_call_id"] == call.id


def test_thinking_can_be_switched_off(agent: anthropic.Anthropic) -> None:
    def kinds(**thinking: Any) -> list[str]:
        made = agent.messages.create(
            model="sandbox-model", max_tokens=4_000, messages=MESSAGES, thinking={"type": "disabled"} | thinking
        )
        return [block.type for block in made.content]

    assert kinds() == ["text"]
    assert kinds(type="adaptive") == ["thinking", "text"]
    assert kinds(type="enabled", budget_tokens=1_024) == ["thinking", "text"]


def test_a_forced_tool_and_a_schema_from_the_sandbox(client: anthropic.Anthropic) -> None:
    made = client.messages.create(
        model="sandbox-model", max_tokens=400, messages=MESSAGES, tools=[TIDES], tool_choice={"type": "any"}
    )
    assert made.stop_reason == "tool_use"
    assert made.content[-1].type == "tool_use"
    assert isinstance(made.content[-1].input["harbour"], str)
    schema = {**TIDES["input_schema"], "additionalProperties": False}
    made = client.messages.create(
        model="sandbox-model",
        max_tokens=400,
        messages=MESSAGES,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert made.content[0].type == "text"
    assert set(json.loads(made.content[0].text)) == {"harbour"}


def test_the_asynchronous_client(gateway: Gateway, app: Caller, upstream: Upstream, model: str) -> None:
    async def converse() -> list[str]:
        async with (
            anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=app.key, max_retries=0) as client,
            client.messages.stream(model=model, max_tokens=9, messages=MESSAGES) as stream,
        ):
            return [text async for text in stream.text_stream]

    upstream.script(model, scripts.stream(*scripts.words("Hel", "lo")))
    assert asyncio.run(converse()) == ["Hel", "lo"]


def test_tokens_are_estimated_for_models_that_nobody_counts_for(
    client: anthropic.Anthropic, upstream: Upstream, model: str
) -> None:
    raw = client.messages.with_raw_response.count_tokens(model=model, messages=MESSAGES, system="word " * 400)
    assert 400 < raw.parse().input_tokens < 700
    assert raw.headers["x-headrace-estimated"] == "true"
    assert not upstream.seen(model)


def test_models(client: anthropic.Anthropic) -> None:
    models = list(client.models.list(limit=2))
    names = [model.id for model in models]
    assert "named" in names
    assert len(set(names)) == len(names)
    named = client.models.retrieve("named")
    assert (named.id, named.max_input_tokens) == ("named", 40960)
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("no-such-model")


ERRORS: dict[str, tuple[Script, type[anthropic.APIStatusError], str]] = {
    "400": (scripts.context_overflow(), anthropic.BadRequestError, "invalid_request_error"),
    "429": (scripts.rate_limited({"retry-after": "1"}), anthropic.RateLimitError, "rate_limit_error"),
    "500": (scripts.openai_error(500, "oops", type_="server_error"), anthropic.InternalServerError, "api_error"),
    "504": (scripts.hang_before_headers(), anthropic.InternalServerError, "timeout_error"),
}


def kind_of(error: anthropic.APIStatusError) -> str:
    assert isinstance(error.body, dict)
    assert error.body["type"] == "error"
    return str(error.body["error"]["type"])


@pytest.mark.parametrize("name", ERRORS)
def test_errors_arrive_as_the_clients_own_exceptions(
    client: anthropic.Anthropic, upstream: Upstream, model: str, name: str
) -> None:
    script, expected, kind = ERRORS[name]
    upstream.script(model, script)
    with pytest.raises(expected) as caught:
        client.messages.create(model=model, max_tokens=9, messages=MESSAGES)
    assert kind_of(caught.value) == kind
    assert caught.value.request_id
    if name == "400":
        assert "prompt is too long: 52341 tokens > 40960 maximum" in caught.value.message


def test_a_wrong_key_an_unknown_model_and_a_model_that_is_not_allowed(
    client: anthropic.Anthropic, gateway: Gateway
) -> None:
    def refused(client: anthropic.Anthropic, model: str) -> tuple[int, str]:
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.create(model=model, max_tokens=9, messages=MESSAGES)
        return caught.value.status_code, kind_of(caught.value)

    assert refused(client, "no-such-model") == (404, "not_found_error")
    assert refused(client.with_options(api_key="hr-wrong"), "named") == (401, "authentication_error")
    limited = gateway.key(models=["t-*"])
    assert refused(client.with_options(api_key=limited), "named") == (403, "permission_error")


def test_a_server_tool_is_refused_where_nobody_runs_it(
    client: anthropic.Anthropic, upstream: Upstream, model: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0\.type: 'web_search_20250305'"):
        client.messages.create(
            model=model,
            max_tokens=9,
            messages=MESSAGES,
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        )
    assert not upstream.seen(model)


def test_what_has_no_effect_is_named(client: anthropic.Anthropic, model: str) -> None:
    raw = client.messages.with_raw_response.create(
        model=model, max_tokens=9, messages=MESSAGES, extra_body={"context_management": {"edits": [{"type": "x"}]}}
    )
    assert "context_management" in raw.headers["x-headrace-ignored"]


def test_a_broken_stream_raises_in_the_client(client: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("half "), then="cut"))
    text: list[str] = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model=model, max_tokens=9, messages=MESSAGES) as stream,
    ):
        text.extend(stream.text_stream)
    assert text == ["half "]
    assert kind_of(caught.value) == "api_error"


def test_leaving_a_stream_early_frees_the_upstream(client: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.stream(*scripts.words(*["word "] * 400), interval_s=0.01))
    with client.messages.stream(model=model, max_tokens=9, messages=MESSAGES) as stream:
        next(stream.text_stream)
    assert eventually(lambda: upstream.only(model).closed_at, within_s=1)


# Below the client


@pytest.mark.parametrize("path", ["/", "/anthropic", "/anthropic/"])
def test_a_coding_agent_finds_somebody_there(app: Caller, path: str) -> None:
    assert app.call("HEAD", path).status == 200
    assert app.get(path).status == 200


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/api/v1", "/anthropic/v1", "/providers/alpha/v1"])
def test_the_route_is_under_every_prefix(app: Caller, model: str, prefix: str) -> None:
    answer = app.post(f"{prefix}/messages?beta=true", {"model": model, **BODY})
    assert (answer.status, answer.json["type"]) == (200, "message")
    counted = app.post(f"{prefix}/messages/count_tokens?beta=true", {"model": model, **BODY})
    assert (counted.status, list(counted.json)) == (200, ["input_tokens"])


def test_a_key_in_its_own_header_does(gateway: Gateway, app: Caller, model: str) -> None:
    stranger = Caller(gateway.base_url, None)
    headers = {"x-api-key": str(app.key), "anthropic-version": "2023-06-01"}
    assert stranger.post("/v1/messages", {"model": model, **BODY}, headers).status == 200
    assert stranger.post("/v1/messages", {"model": model, **BODY}).json["error"]["type"] == "authentication_error"


REFUSALS: dict[str, tuple[str, str, Any, dict[str, str], int, str]] = {
    "no JSON": ("POST", "/v1/messages", b"{", {}, 400, "invalid_request_error"),
    "no model": ("POST", "/anthropic/v1/messages", BODY, {}, 400, "invalid_request_error"),
    "another method": ("GET", "/v1/messages", None, {}, 405, "invalid_request_error"),
    "another method there": ("GET", "/anthropic/v1/messages", None, {}, 405, "invalid_request_error"),
    "no such route": ("POST", "/anthropic/v1/complete", BODY, {}, 404, "not_found_error"),
    "no such model": ("GET", "/anthropic/v1/models/nobody", None, {}, 404, "not_found_error"),
    "no page": ("GET", "/anthropic/v1/models?limit=x", None, {}, 400, "invalid_request_error"),
    "another type": ("POST", "/v1/messages", BODY, {"content-type": "text/plain"}, 415, "invalid_request_error"),
    "another coding": ("POST", "/v1/messages", BODY, {"content-encoding": "br"}, 415, "invalid_request_error"),
    "too large": ("POST", "/v1/messages", b" " * (5 << 20), {}, 413, "request_too_large"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("plane", ["ours", "aiohttp's"])
def test_refusals_have_anthropics_shape_on_both_planes(app: Caller, name: str, plane: str) -> None:
    method, path, body, headers, status, kind = REFUSALS[name]
    if plane == "aiohttp's":  # a path with something to decode is not the data plane's
        path = path.replace("/v1/", "/%761/", 1)
    answer = app.call(method, path, body, headers)
    assert (answer.status, answer.json["type"], answer.json["error"]["type"]) == (status, "error", kind)
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ["/v1/messages", "/%761/messages"])
def test_a_message_on_both_planes(app: Caller, model: str, path: str) -> None:
    answer = app.post(path, {"model": model, **BODY, "stream": True})
    assert answer.status == 200
    assert answer.body.startswith(b"event: message_start\n")
    assert answer.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_the_ledger_has_the_request(gateway: Gateway, app: Caller, model: str) -> None:
    answer = app.post("/v1/messages", {"model": model, **BODY})
    attempt = entry(gateway, answer.headers["x-request-id"])["attempts"][0]
    assert (attempt["input_tokens"], attempt["output_tokens"], attempt["source"]) == (10, 5, "provider")


def test_a_count_that_nobody_was_asked_for_is_not_in_the_ledger(gateway: Gateway, app: Caller, model: str) -> None:
    counted = app.post("/v1/messages/count_tokens", {"model": model, **BODY})
    asked = app.post("/v1/messages", {"model": model, **BODY})
    assert entry(gateway, asked.headers["x-request-id"])
    known = gateway.admin.get("/admin/v1/requests?limit=20").body.decode()
    assert asked.headers["x-request-id"] in known
    assert counted.headers["x-request-id"] not in known
