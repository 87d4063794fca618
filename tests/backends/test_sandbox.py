"""The sandbox answers as OpenAI does: same bytes, honest counts, values that fit, and faults only when ordered."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from backends.errors import ConnectionLost
from backends.sandbox import SandboxBackend, SandboxSettings
from backends.types import UpstreamRequest

URL = "http://sandbox/v1/chat/completions"


@dataclass
class Collector:
    """A sink that keeps everything."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    drained: int = 0

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        assert not self.status, "one head per exchange"
        self.status, self.headers = status, headers

    def on_data(self, data: bytes) -> None:
        assert self.status, "the head comes first"
        self.pieces.append(data)
        self.times.append(asyncio.get_running_loop().time())

    async def drain(self) -> None:
        self.drained += 1

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = self.json["choices"][0]["message"]
        return message

    @property
    def events(self) -> list[Any]:
        lines = self.data.decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""], lines[-2:]
        return [orjson.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def request_of(body: object, url: str = URL) -> UpstreamRequest:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return UpstreamRequest("POST", url, {}, raw, stream=False, connect_timeout_s=1.0)


def chat(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": "qwen3-30b-a3b", "messages": [{"role": "user", "content": text}], **more}


def ask(body: object, settings: SandboxSettings | None = None, url: str = URL) -> Collector:
    async def run() -> Collector:
        sink = Collector()
        backend = SandboxBackend(settings or SandboxSettings(), now=lambda: 1_764_000_000.5)
        await asyncio.wait_for(backend.exchange(request_of(body, url), sink), 20)
        await backend.close()
        return sink

    return asyncio.run(run())


def deltas(events: list[Any], name: str) -> list[str]:
    found = [choice["delta"].get(name) for event in events for choice in event["choices"]]
    return [text for text in found if text]


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def called(sink: Collector) -> tuple[str, Any]:
    (call,) = sink.message["tool_calls"]
    assert sink.json["choices"][0]["finish_reason"] == "tool_calls"
    return call["function"]["name"], orjson.loads(call["function"]["arguments"])


# The answer


def test_an_answer_says_sandbox_and_repeats_the_question() -> None:
    sink = ask(chat("What is 2 + 2?"))
    assert sink.status == 200
    assert sink.headers["content-type"] == "application/json"
    assert int(sink.headers["content-length"]) == len(sink.data)
    assert sink.message["content"] == "This is the Headrace sandbox, not a model. You said: What is 2 + 2?"
    assert sink.json["model"] == "qwen3-30b-a3b"
    assert sink.json["created"] == 1_764_000_000
    assert sink.json["choices"][0]["finish_reason"] == "stop"
    assert "reasoning_content" not in sink.message


def test_the_same_request_gets_the_same_answer() -> None:
    assert ask(chat("Again")).data == ask(chat("Again")).data
    assert ask(chat("Again")).json["id"] != ask(chat("Other")).json["id"]
    assert ask(chat("Again")).json["id"] != ask(chat("Again"), SandboxSettings(seed=1)).json["id"]


def test_a_stream_carries_the_unary_answer_one_token_per_event() -> None:
    whole = ask(chat("Tell me more, please")).json
    events = ask(chat("Tell me more, please", stream=True)).events
    texts = deltas(events, "content")
    assert "".join(texts) == whole["choices"][0]["message"]["content"]
    assert len(texts) == whole["usage"]["completion_tokens"]
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert events[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1


def test_a_stream_tells_its_usage_only_when_asked() -> None:
    body = chat("Count me")
    usage = ask(body).json["usage"]
    plain = ask({**body, "stream": True})
    assert b"usage" not in plain.data
    *rest, last = ask({**body, "stream": True, "stream_options": {"include_usage": True}}).events
    assert last["choices"] == []
    assert last["usage"] == usage
    assert all(event["usage"] is None for event in rest)


def test_usage_counts_four_characters_a_token_over_messages_tools_and_parts() -> None:
    assert ask(chat("12345678")).json["usage"]["prompt_tokens"] == 4 + 2
    parts = [{"type": "text", "text": "12345"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    assert ask(body).json["usage"]["prompt_tokens"] == 4 + 2 + 256
    with_tool = ask(chat("12345678", tools=[tool("f")], tool_choice="none")).json["usage"]["prompt_tokens"]
    assert with_tool == 4 + 2 + -(-len(orjson.dumps([tool("f")])) // 4)
    usage = ask(chat("x")).json["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("effort", ["none", "low"])
def test_a_token_limit_is_kept_and_named_as_the_reason(name: str, effort: str) -> None:
    answer = ask(chat("A long story", reasoning_effort=effort, **{name: 5})).json
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["choices"][0]["finish_reason"] == "length"
    events = ask(chat("A long story", stream=True, reasoning_effort=effort, **{name: 5})).events
    assert len(deltas(events, "content")) + len(deltas(events, "reasoning")) == 5
    assert events[-1]["choices"][0]["finish_reason"] == "length"


def test_stop_strings_end_the_answer_before_them() -> None:
    sink = ask(chat("one two three", stop=["three", " two"]))
    assert sink.message["content"].endswith("You said: one")
    assert ask(chat("x", stop="This")).message["content"] == ""
    assert [event["choices"][0]["finish_reason"] for event in ask(chat("x", stop="This", stream=True)).events] == [
        None,
        "stop",
    ]


def test_several_choices_are_told_apart_and_counted_together() -> None:
    answer = ask(chat("Hi", n=3)).json
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert len(set(texts)) == 3
    assert answer["usage"]["completion_tokens"] == sum(-(-len(text) // 4) for text in texts)
    events = ask(chat("Hi", n=3, stream=True)).events
    streamed = ["", "", ""]
    for event in events:
        for choice in event["choices"]:
            streamed[choice["index"]] += choice["delta"].get("content") or ""
    assert streamed == texts


def test_reasoning_is_shown_under_both_names_and_counted() -> None:
    sink = ask(chat("Think", reasoning_effort="high"))
    assert sink.message["reasoning_content"] == sink.message["reasoning"] != ""
    reasoning = sink.json["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < reasoning < sink.json["usage"]["completion_tokens"]
    events = ask(chat("Think", reasoning_effort="high", stream=True)).events
    assert len(deltas(events, "reasoning_content")) == reasoning
    assert "".join(deltas(events, "reasoning")) == sink.message["reasoning"]


def test_load_generators_get_answers_of_the_length_they_order() -> None:
    usage = ask(chat("x", max_tokens=1000, ignore_eos=True)).json["usage"]
    assert usage["completion_tokens"] == 1000
    assert ask(chat("x", min_tokens=300)).json["usage"]["completion_tokens"] == 300
    assert len(deltas(ask(chat("x", max_tokens=1000, ignore_eos=True, stream=True)).events, "content")) == 1000


def test_text_beyond_ascii_survives_the_cut_into_tokens() -> None:
    text = "Grüße an 你好啊集团 👩‍👩‍👧 \u2028 \x01 done"
    events = ask(chat(text, stream=True)).events
    assert "".join(deltas(events, "content")).endswith(text)


def test_a_long_question_is_not_repeated_whole() -> None:
    assert len(ask(chat("x" * 100_000)).message["content"]) < 500


# Tools and schemas


def test_auto_calls_a_tool_that_the_user_mentions_and_no_other() -> None:
    tools = [tool("get_time"), tool("get_weather", location={"type": "string"})]
    name, arguments = called(ask(chat("What is the weather in Paris?", tools=tools)))
    assert (name, arguments) == ("get_weather", {"location": "sandbox"})
    assert "tool_calls" not in ask(chat("Hello!", tools=tools)).message
    assert "tool_calls" not in ask(chat("What is the weather?", tools=tools, tool_choice="none")).message


def test_required_and_named_choices_force_a_call() -> None:
    tools = [tool("first"), tool("second")]
    assert called(ask(chat("Hello", tools=tools, tool_choice="required"))) == ("first", {})
    named = {"type": "function", "function": {"name": "second"}}
    assert called(ask(chat("Hello", tools=tools, tool_choice=named))) == ("second", {})


def test_arguments_repeat_numbers_and_quoted_words_of_the_question() -> None:
    number = {"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000}
    asked = chat("What is the value of magic_function(3)?", tools=[tool("magic_function", input=number)])
    assert called(ask(asked)) == ("magic_function", {"input": 3})
    asked = chat("Create a customer named '你好啊集团'", tools=[tool("new_customer", called={"type": "string"})])
    assert called(ask(asked))[1] == {"called": "你好啊集团"}


def test_a_tool_result_is_answered_in_words() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {
        "model": "m",
        "tools": [tool("f")],
        "messages": [
            {"role": "user", "content": "call f"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
    }
    assert ask(body).message["content"].endswith("The tool answered: 42")


def test_a_streamed_call_adds_up_to_the_unary_one() -> None:
    body = chat("Call lookup for 'a rather long key'", tools=[tool("lookup", key={"type": "string"})])
    whole = ask(body).json
    events = ask({**body, "stream": True}).events
    pieces = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    (unary,) = whole["choices"][0]["message"]["tool_calls"]
    assert pieces[0]["function"]["name"] == "lookup"
    assert pieces[0]["id"].startswith("call_")
    assert "".join(piece["function"]["arguments"] for piece in pieces) == unary["function"]["arguments"]
    assert len(pieces) == whole["usage"]["completion_tokens"]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def json_schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def fitted(schema: object, text: str = "Hello") -> Any:
    return orjson.loads(ask(chat(text, response_format=json_schema(schema))).message["content"])


def test_a_json_schema_answer_fits_its_schema() -> None:
    step = {"type": "object", "properties": {"title": {"type": "string", "minLength": 10}}, "required": ["title"]}
    schema: dict[str, Any] = {
        "type": "object",
        "$defs": {"Step": step},
        "properties": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "minItems": 2},
            "unit": {"enum": ["celsius", "kelvin"]},
            "kind": {"const": "plan"},
            "score": {"type": "number", "minimum": 0.2, "maximum": 0.8},
            "size": {"type": "integer", "minimum": 7, "multipleOf": 5},
            "note": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d{3,}$"},
            "sure": {"type": "boolean"},
        },
        "required": ["steps", "unit", "kind", "score", "size", "note", "code", "sure"],
        "additionalProperties": False,
    }
    value = fitted(schema)
    assert set(value) == set(schema["required"])
    assert len(value["steps"]) == 2
    assert all(len(step["title"]) >= 10 for step in value["steps"])
    assert (value["unit"], value["kind"], value["sure"]) == ("celsius", "plan", True)
    assert 0.2 <= value["score"] <= 0.8
    assert value["size"] == 10
    assert len(value["note"]) <= 3
    assert value["code"] == "AA-000"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["null", "integer"], "exclusiveMinimum": 4}, 5),
        ({"type": "integer", "minimum": -10, "maximum": -5}, -10),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [1, 2, 3]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"const": "b"}], "items": False}, [1, "b"]),
        ({"oneOf": [False, {"type": "boolean"}]}, True),
        ({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 3}]}, 3),
        ({"type": "string", "pattern": "^(?:ab|c)+\\.[^a-z]?$", "minLength": 5}, "abab.0"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer"}}, {"property_1": 1}),
    ],
)
def test_each_bound_of_a_schema_is_kept(schema: object, expected: object) -> None:
    value = fitted({"type": "object", "properties": {"it": schema}, "required": ["it"]})["it"]
    if isinstance(expected, str) and isinstance(schema, dict) and "pattern" in schema:
        assert len(value) >= schema.get("minLength", 0)
        assert value.startswith("abab")
    else:
        assert value == expected


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    }
    value = fitted(node)
    while value is not None:
        value = value["next"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "http://elsewhere.example/schema"},
        {"type": "object", "properties": {"t": {"$ref": "#"}}, "required": ["t"]},
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"type": "string", "pattern": "(?=look)ahead"},
        {"type": "string", "pattern": "[unfinished"},
        {"type": "string", "pattern": "((a{9999}){9999}){9999}"},
        {"type": "string", "pattern": "(" * 500},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
        {"type": "colour"},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"enum": ["x" * 300_000]},
    ],
)
def test_a_schema_that_cannot_be_met_is_refused_by_name(schema: object) -> None:
    sink = ask(chat("x", response_format=json_schema(schema)))
    assert sink.status == 400
    assert sink.json["error"]["param"] == "response_format"
    assert len(sink.data) < 500


def test_json_mode_takes_its_keys_from_the_question() -> None:
    body = chat("Return JSON with 'setup' and 'punchline' keys.", response_format={"type": "json_object"})
    assert set(orjson.loads(ask(body).message["content"])) == {"setup", "punchline"}
    plain = ask(chat("JSON please", response_format={"type": "json_object"})).message["content"]
    assert "sandbox" in orjson.loads(plain)


# Refusals


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"{", None, None),
        (b"[]", None, None),
        ({"model": "m", "messages": []}, "messages", None),
        ({"model": "m", "messages": "hi"}, "messages", None),
        ({"model": "m", "messages": ["hi"]}, "messages[0]", None),
        ({"messages": [{"role": "user", "content": "x"}]}, "model", None),
        (chat(logprobs=True), "logprobs", "unsupported_parameter"),
        (chat(top_logprobs=2), "top_logprobs", "unsupported_parameter"),
        (chat(max_tokens="5"), "max_tokens", "invalid_type"),
        (chat(max_tokens=True), "max_tokens", "invalid_type"),
        (chat(max_tokens=0), "max_tokens", "integer_out_of_range"),
        (chat(n=129), "n", "integer_out_of_range"),
        (chat(stop=[1]), "stop", None),
        (chat(tool_choice="required"), "tool_choice", None),
        (chat(tools=[tool("a")], tool_choice={"type": "function", "function": {"name": "b"}}), "tool_choice", None),
        (chat(response_format={"type": "json_schema"}), "response_format.json_schema.schema", None),
        (b'{"model":"m","tools":' + b"[" * 500 + b"]" * 500 + b',"messages":[{"role":"user"}]}', None, None),
    ],
)
def test_what_openai_would_refuse_is_refused_in_its_shape(body: object, param: str | None, code: str | None) -> None:
    sink = ask(body)
    assert sink.status == 400
    assert set(sink.json["error"]) == {"message", "type", "param", "code"}
    assert sink.json["error"]["type"] == "invalid_request_error"
    assert (sink.json["error"]["param"], sink.json["error"]["code"]) == (param, code)


@pytest.mark.parametrize(
    "odd",
    [
        {"tools": 5},
        {"tools": [{"function": {"name": "Hello", "parameters": 7}}]},
        {"tools": [{"function": 3}, None]},
        {"stream_options": 3},
        {"response_format": "x"},
        {"tool_choice": 8},
        {"messages": [{"role": 5, "content": {"a": 1}}]},
        {"messages": [{"role": "user", "content": [1, None, {"text": 4}], "tool_calls": 5}]},
    ],
)
def test_odd_values_that_the_sandbox_does_not_need_do_not_break_it(odd: dict[str, Any]) -> None:
    assert ask({**chat(), **odd}).status == 200


def test_other_routes_are_not_found() -> None:
    assert ask(chat(), url="http://sandbox/v1/fine_tuning/jobs").status == 404


# Pace and faults


def test_tokens_come_at_the_ordered_pace() -> None:
    sink = ask(chat("x", max_tokens=6, stream=True), SandboxSettings(ttft_s=0.05, tokens_per_second=50))
    assert len(sink.pieces) == 7  # six tokens, the first with the role before it, and the end
    gaps = [later - earlier for earlier, later in zip(sink.times, sink.times[1:-1], strict=False)]
    assert sink.times[5] - sink.times[0] >= 0.09
    assert all(gap > 0 for gap in gaps)
    assert sink.drained == len(sink.pieces)


def test_an_unpaced_stream_lets_others_run_in_between() -> None:
    async def run() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        body = chat("x", max_tokens=6400, ignore_eos=True, stream=True)
        await SandboxBackend(SandboxSettings()).exchange(request_of(body), Collector())
        ticking.cancel()
        return ticks

    assert asyncio.run(run()) >= 100


def test_ordered_errors_come_in_openai_shape_and_with_the_statuses_given() -> None:
    for status in (400, 401, 403, 404, 418, 429, 500, 503, 529):
        sink = ask(chat(), SandboxSettings(error_rate=1, errors=(status,)))
        assert sink.status == status
        assert "sandbox" in sink.json["error"]["message"]
        assert ("retry-after" in sink.headers) == (status in (429, 503))
    assert ask(chat(), SandboxSettings(error_rate=1)).status == 500


def test_faults_strike_the_ordered_share_and_the_same_exchanges_each_time() -> None:
    async def statuses(settings: SandboxSettings) -> list[int]:
        backend = SandboxBackend(settings)
        sinks = [Collector() for _ in range(400)]
        for sink in sinks:
            await backend.exchange(request_of(chat()), sink)
        return [sink.status for sink in sinks]

    settings = SandboxSettings(error_rate=0.25, errors=(429, 500), seed=7)
    first = asyncio.run(statuses(settings))
    assert first == asyncio.run(statuses(settings))
    assert 60 <= first.count(429) + first.count(500) <= 140
    assert min(first.count(429), first.count(500)) > 20
    assert first != asyncio.run(statuses(SandboxSettings(error_rate=0.25, errors=(429, 500), seed=8)))


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_loses_the_connection_before_the_end(stream: bool) -> None:
    whole = ask(chat("Cut me", stream=stream)).data

    async def run(seed: int) -> Collector:
        sink = Collector()
        with pytest.raises(ConnectionLost):
            await SandboxBackend(SandboxSettings(cut_rate=1, seed=seed)).exchange(
                request_of(chat("Cut me", stream=stream)), sink
            )
        return sink

    cut = [asyncio.run(run(seed)) for seed in range(8)]
    assert all(sink.status == 200 and len(sink.data) < len(whole) for sink in cut)
    assert all(b"[DONE]" not in sink.data and b'"finish_reason":"' not in sink.data for sink in cut if stream)
    assert len({len(sink.data) for sink in cut}) > 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_stall_hangs_until_it_is_cancelled(stream: bool) -> None:
    async def run(seed: int) -> Collector:
        sink = Collector()
        backend = SandboxBackend(SandboxSettings(stall_rate=1, seed=seed))
        task = asyncio.create_task(backend.exchange(request_of(chat("Wait", stream=stream)), sink))
        done, _ = await asyncio.wait({task}, timeout=0.05)
        assert not done
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        return sink

    stalled = [asyncio.run(run(seed)) for seed in range(10)]
    assert all(b"[DONE]" not in sink.data for sink in stalled)
    with_content = [sink for sink in stalled if b'"content":"' in sink.data]
    assert 0 < len(with_content) < 10 if stream else not with_content
