"""The Responses API through the official client, to models whose providers know chat only, and to one that knows it."""

import json
from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel

from tests.e2e.conftest import MakeGateway
from tests.support import rules, scripts
from tests.support.caller import Caller, sse_data
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream


@pytest.fixture
def client(gateway: Gateway, app: Caller) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=app.key, max_retries=0, timeout=15) as made:
        yield made


class City(BaseModel):
    name: str
    population: int


def tool_call(index: int, call_id: str, name: str, arguments: str) -> bytes:
    function = {"name": name, "arguments": arguments}
    return scripts.chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


def test_a_response(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    made = client.responses.create(
        model=model, instructions="Be brief.", input="Say hello.", max_output_tokens=77, metadata={"a": "b"}
    )
    assert made.output_text == "Hello there, friend."
    assert made.status == "completed"
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.total_tokens) == (10, 5, 15)
    assert (made.instructions, made.max_output_tokens, made.metadata) == ("Be brief.", 77, {"a": "b"})
    asked = upstream.only(model)
    assert asked.path.endswith("/chat/completions")
    assert asked.json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say hello."},
    ]
    assert asked.json["max_completion_tokens"] == 77


def test_a_stream_in_openais_order(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(
        model,
        scripts.stream(
            scripts.chunk({"reasoning_content": "Think", "reasoning": "Think"}),
            *scripts.words("Hel", "lo"),
            tool_call(0, "call_1", "look_up", '{"q": 1}'),
            counted=scripts.usage(9, 4, reasoning=1),
        ),
    )
    with client.responses.stream(model=model, input="Say hello.") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert final.output_text == "Hello"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.usage is not None
    assert (final.usage.output_tokens, final.usage.output_tokens_details.reasoning_tokens) == (4, 1)


def test_structured_output_and_a_stream_from_the_sandbox(client: openai.OpenAI) -> None:
    made = client.responses.parse(model="sandbox-model", input="A city.", text_format=City)
    assert isinstance(made.output_parsed, City)
    with client.responses.stream(model="sandbox-model", input="Hello.") as stream:
        final = stream.get_final_response()
    assert final.output_text
    assert final.usage is not None


def test_a_required_function_call_from_the_sandbox(client: openai.OpenAI) -> None:
    tool: openai.types.responses.FunctionToolParam = {
        "type": "function",
        "name": "city",
        "parameters": City.model_json_schema(),
        "strict": True,
    }
    made = client.responses.create(model="sandbox-model", input="A city.", tools=[tool], tool_choice="required")
    calls = [item for item in made.output if item.type == "function_call"]
    assert City.model_validate_json(calls[0].arguments)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_next_turn_names_the_one_before(
    client: openai.OpenAI, upstream: Upstream, model: str, streamed: bool
) -> None:
    if streamed:
        with client.responses.stream(model=model, input="Who are you?", instructions="Be kind.") as stream:
            first = stream.get_final_response()
    else:
        first = client.responses.create(model=model, input="Who are you?", instructions="Be kind.")
    assert first.id.startswith("resp_hr")
    assert first.store is True  # type: ignore[attr-defined]
    second = client.responses.create(model=model, input="And why?", previous_response_id=first.id)
    third = client.responses.create(model=model, input="Hm.", previous_response_id=second.id)
    assert (second.previous_response_id, third.previous_response_id) == (first.id, second.id)
    said = "Hello there." if streamed else "Hello there, friend."
    assert upstream.seen(model)[-1].json["messages"] == [
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "And why?"},
        {"role": "assistant", "content": "Hello there, friend."},
        {"role": "user", "content": "Hm."},
    ]


def test_a_kept_response_can_be_read_listed_and_deleted(client: openai.OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="Who are you?")
    assert client.responses.retrieve(first.id).output_text == first.output_text
    items = list(client.responses.input_items.list(first.id))
    assert [getattr(item, "role", None) for item in items] == ["user"]
    client.responses.delete(first.id)
    for gone in (
        lambda: client.responses.retrieve(first.id),
        lambda: client.responses.delete(first.id),
        lambda: client.responses.input_items.list(first.id),
    ):
        with pytest.raises(openai.NotFoundError):
            gone()
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="And?", previous_response_id=first.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


def test_what_is_not_to_be_stored_is_not(client: openai.OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="A secret.", store=False)
    assert made.store is False  # type: ignore[attr-defined]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_another_key_finds_nothing(client: openai.OpenAI, gateway: Gateway, model: str) -> None:
    made = client.responses.create(model=model, input="Mine.")
    other = client.with_options(api_key=gateway.key())
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError):
        other.responses.create(model=model, input="Theirs?", previous_response_id=made.id)


def test_an_item_may_be_named_in_place_of_itself(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    first = client.responses.create(model=model, input="Who are you?")
    item_id = first.output[0].id
    assert item_id is not None
    client.responses.create(
        model=model,
        input=[
            {"role": "user", "content": "Who are you?"},
            {"type": "item_reference", "id": item_id},
            {"role": "user", "content": "And why?"},
        ],
    )
    assert [m["content"] for m in upstream.seen(model)[-1].json["messages"]] == [
        "Who are you?",
        "Hello there, friend.",
        "And why?",
    ]


def test_a_response_of_somebody_elses_is_refused_where_nobody_knows_it(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="And?", previous_response_id="resp_68f2a1")
    assert caught.value.param == "previous_response_id"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_68f2a1")


def test_what_chat_cannot_say_is_refused_by_name(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="News?", tools=[{"type": "web_search"}])
    assert caught.value.param == "tools[0]"
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="Later.", background=True)
    assert caught.value.param == "background"
    assert not upstream.seen(model)


def test_what_merely_cannot_be_honoured_is_named_in_a_header(client: openai.OpenAI, model: str) -> None:
    raw = client.responses.with_raw_response.create(
        model=model, input="Hello.", truncation="auto", reasoning={"summary": "auto"}
    )
    assert raw.headers["x-headrace-ignored"] == "truncation, reasoning.summary"


def test_a_stream_that_breaks_ends_as_a_failure(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("half "), then="cut"))
    got = app.post("/v1/responses", {"model": model, "input": "Hello.", "stream": True})
    events = [json.loads(data) for data in sse_data(got.body)]
    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert events[-2]["response"]["status"] == "failed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["error"]["message"]


def test_a_broken_stream_raises_in_the_client(client: openai.OpenAI, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.raw_stream(scripts.ROLE, *scripts.words("half "), then="cut"))
    with pytest.raises(openai.APIError), client.responses.stream(model=model, input="Hello.") as stream:
        stream.until_done()


def test_an_answer_begun_anew_elsewhere_is_still_one_response(
    client: openai.OpenAI, upstream: Upstream, pair: str
) -> None:
    thinking = scripts.chunk({"reasoning_content": "Hm"})
    upstream.script(pair, scripts.raw_stream(scripts.ROLE, thinking, then="cut"))
    upstream.script(pair, scripts.stream(thinking, *scripts.words("Done.")), provider="beta")
    with client.responses.stream(model=pair, input="Hello.") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "Done."
    assert [event.type for event in events].count("response.created") == 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in final.output] == ["reasoning", "message"]


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1", "/api/v1", "/providers/alpha/v1"])
def test_the_route_is_there_under_every_prefix(app: Caller, model: str, prefix: str) -> None:
    made = app.post(f"{prefix}/responses", {"model": model, "input": "Hello."})
    assert made.status == 200, made.body
    assert app.get(f"{prefix}/responses/{made.json['id']}").json["id"] == made.json["id"]


# A provider that understands the Responses API itself

NATIVE = {
    "id": "resp_0a1b",
    "object": "response",
    "created_at": 1767213348,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-native-2026",
    "output": [
        {
            "id": "msg_0a1b",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "From its maker.", "annotations": [], "logprobs": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 38,
    },
}


def native_stream() -> bytes:
    place = {"item_id": "msg_0a1b", "output_index": 0, "content_index": 0}
    begun = {**NATIVE, "status": "in_progress", "output": [], "usage": None}
    item = {"id": "msg_0a1b", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events: list[dict[str, object]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "From its maker.", "logprobs": []},
        {"type": "response.completed", "response": NATIVE},
    ]
    return b"".join(
        b"event: %b\ndata: %b\n\n"
        % (str(event["type"]).encode(), json.dumps({**event, "sequence_number": number}).encode())
        for number, event in enumerate(events)
    )


def test_bytes_pass_where_the_provider_understands_them(make_gateway: MakeGateway, upstream: Upstream) -> None:
    document = {
        "version": 1,
        "providers": {
            "openai": {"base_url": upstream.base_url("native"), "api_key": "${UPSTREAM_SECRET}"},
            "alpha": rules.provider(upstream.base_url("alpha")),
        },
        "models": {
            "native": {"targets": [{"provider": "openai", "model": "gpt-native", "price": {"input": 1, "output": 2}}]},
            "native-chat": {"targets": [{"provider": "alpha", "model": "native-chat"}]},
        },
    }
    gateway = make_gateway(document, workers=1).start()
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=gateway.key(), max_retries=0, timeout=15) as client:
        upstream.script("gpt-native", scripts.answer(NATIVE), provider="native")
        made = client.responses.create(
            model="native", input="Who?", previous_response_id="resp_09", tools=[{"type": "web_search"}]
        )
        assert (made.id, made.output_text) == ("resp_0a1b", "From its maker.")
        asked = upstream.seen("gpt-native", "native")[-1]
        assert asked.path.endswith("/responses")
        assert asked.json == {
            "model": "gpt-native",
            "input": "Who?",
            "previous_response_id": "resp_09",
            "tools": [{"type": "web_search"}],
        }

        upstream.script("gpt-native", scripts.raw_stream(native_stream()), provider="native")
        with client.responses.stream(model="native", input="Who?") as stream:
            assert stream.get_final_response().id == "resp_0a1b"

        # A conversation that began with another provider goes on here, whole.
        before = client.responses.create(model="native-chat", input="Hello?")
        upstream.script("gpt-native", scripts.answer(NATIVE), provider="native")
        client.responses.create(model="native", input="Who?", previous_response_id=before.id)
        sent = upstream.seen("gpt-native", "native")[-1].json
        assert "previous_response_id" not in sent
        assert [item["content"][0]["text"] for item in sent["input"]] == ["Hello?", "Hello there, friend.", "Who?"]
        assert not [item for item in sent["input"] if "id" in item]

    def settled() -> bool:
        rows = gateway.admin.get("/admin/v1/requests").json["data"]
        return {(row["model"], row["status"]) for row in rows} == {("native", 200), ("native-chat", 200)}

    assert eventually(settled, within_s=5)
    gateway.stop()
