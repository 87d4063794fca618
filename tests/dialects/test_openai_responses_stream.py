"""The Responses API's events: in OpenAI's order, numbered without a gap, and adding up to the answer."""

from collections import defaultdict
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.types import Chunk, Usage
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.openai_responses_stream import ResponsesEncoder
from gateway.dialects.openai_responses_turn import ResponsesTurn
from gateway.errors import Internal

CHAT = OpenAIResponses().parse(b'{"model":"m","input":"hi","stream":true}', {})._replace(created=1771000000)


def chunk(finish: str | None = None, **delta: Any) -> Chunk:
    return {
        "id": "chatcmpl-7",
        "model": "lamp-2",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def call(index: int, arguments: str, name: str | None = None) -> Chunk:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    head = {"id": f"call_{index}", "type": "function"} if name else {}
    return chunk(tool_calls=[{"index": index, **head, "function": function}])


def read(data: bytes) -> list[dict[str, Any]]:
    events = []
    for part in data.split(b"\n\n")[:-1]:
        name, payload = part.split(b"\n")
        events.append(orjson.loads(payload.removeprefix(b"data: ")))
        assert name == b"event: " + events[-1]["type"].encode()
    return events


def encode(*chunks: Chunk, usage: Usage | None = None) -> list[dict[str, Any]]:
    encoder = OpenAIResponses().stream_encoder(CHAT)
    events = read(b"".join(encoder.encode([one]) for one in chunks) + encoder.close(usage))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert_adds_up(events)
    return events


def assert_adds_up(events: list[dict[str, Any]]) -> None:
    """Deltas make the items, items make the response; what is opened is closed."""
    output = events[-1]["response"]["output"]
    texts: dict[tuple[str, int, int], str] = defaultdict(str)
    done: dict[int, Any] = {}
    added = []
    for event in events:
        if event["type"].endswith(".delta"):
            texts[event["type"], event["output_index"], event.get("content_index", 0)] += event["delta"]
        elif event["type"] == "response.output_item.added":
            added.append(event["output_index"])
        elif event["type"] == "response.output_item.done":
            done[event["output_index"]] = event["item"]
    assert added == list(range(len(output)))
    assert [done[index] for index in added] == output
    for index, item in enumerate(output):
        if item["type"] == "function_call":
            assert texts["response.function_call_arguments.delta", index, 0] in (item["arguments"], "")
        for place, part in enumerate(item.get("content", ())):
            kind = f"response.{part['type']}.delta"
            assert texts[kind, index, place] == part.get("text", part.get("refusal"))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_text() -> None:
    events = encode(
        chunk(role="assistant", content=""),
        chunk(content="Lä"),
        chunk(content='mp "x"'),
        chunk("stop"),
        usage=Usage(3, output=2),
    )
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    response = events[-1]["response"]
    assert response["output"][0]["content"][0]["text"] == 'Lämp "x"'
    assert (response["model"], response["created_at"], response["usage"]["total_tokens"]) == ("lamp-2", 1771000000, 5)
    assert {event["response"]["id"] for event in (events[0], events[1], events[-1])} == {response["id"]}


def test_calls_one_after_the_other_are_closed_one_after_the_other() -> None:
    events = encode(
        call(0, "", "dim"), call(0, '{"a":'), call(0, "1}"), call(1, '{"b":2}', "light"), chunk("tool_calls")
    )
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [(i["call_id"], i["name"], i["arguments"]) for i in events[-1]["response"]["output"]] == [
        ("call_0", "dim", '{"a":1}'),
        ("call_1", "light", '{"b":2}'),
    ]


def test_calls_written_at_the_same_time_lose_nothing() -> None:
    events = encode(call(0, "{", "dim"), call(1, "{", "light"), call(0, '"a":1}'), call(1, "}"), chunk("tool_calls"))
    assert [item["arguments"] for item in events[-1]["response"]["output"]] == ['{"a":1}', "{}"]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    events = encode(call(0, "", "dim"), chunk("tool_calls"))
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"


def test_a_refusal() -> None:
    events = encode(chunk(refusal="I "), chunk(refusal="can't."), chunk("content_filter"))
    assert kinds(events)[3:8] == [
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
    ]
    assert events[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_cut_short_is_incomplete(finish: str, reason: str) -> None:
    events = encode(chunk(content="Lam"), chunk(finish))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_summaries_are_parts_and_what_the_provider_wants_back_comes_with_the_item() -> None:
    form = "openai-responses-v1"
    events = encode(
        chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "One", "format": form, "index": 0}]),
        chunk(reasoning_details=[{"type": "reasoning.summary", "summary": " two", "format": form, "index": 0}]),
        chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "Three", "format": form, "index": 1}]),
        chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "gAAAA", "format": form, "index": 2}]),
        chunk(content="x"),
        chunk("stop"),
    )
    assert kinds(events)[3:12] == [
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
    ]
    item = events[-1]["response"]["output"][0]
    assert [part["text"] for part in item["summary"]] == ["One two", "Three"]
    assert item["encrypted_content"] == "gAAAA"


def test_a_signature_that_comes_late_does_not_cut_the_text_in_two() -> None:
    late = {"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1", "index": 0}
    events = encode(chunk(content="a"), chunk(reasoning_details=[late]), chunk(content="b"), chunk("stop"))
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "reasoning"]
    assert output[0]["content"][0]["text"] == "ab"
    back = OpenAIResponses().parse(orjson.dumps({"model": "m", "input": output}), {}).body["messages"]
    assert back[-1]["reasoning_details"] == [late]


def test_the_pieces_of_a_signed_thought_come_back_as_one() -> None:
    form = {"format": "anthropic-claude-v1", "index": 0}
    events = encode(
        chunk(reasoning="Hm", reasoning_details=[{"type": "reasoning.text", "text": "Hm", **form}]),
        chunk(reasoning=" mm", reasoning_details=[{"type": "reasoning.text", "text": " mm", **form}]),
        chunk(reasoning_details=[{"type": "reasoning.text", "signature": "sig", **form}]),
        call(0, "{}", "dim"),
        chunk("tool_calls"),
    )
    output = events[-1]["response"]["output"]
    back = OpenAIResponses().parse(orjson.dumps({"model": "m", "input": output}), {}).body["messages"]
    assert back[0]["reasoning"] == "Hm mm"
    assert back[0]["reasoning_details"] == [{"type": "reasoning.text", "text": "Hm mm", "signature": "sig", **form}]


def test_logprobs_and_citations_stand_with_the_text() -> None:
    logprob = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.0}]}
    spoken = chunk(content="a")
    spoken["choices"][0]["logprobs"] = {"content": [logprob]}
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1},
    }
    events = encode(spoken, chunk(annotations=[cited]), chunk(content="b"), chunk("stop"))
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    assert delta["logprobs"] == [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1.0}]}]
    added = next(event for event in events if event["type"] == "response.output_text.annotation.added")
    assert (added["annotation_index"], added["annotation"]["url"]) == (0, "https://a.example")
    part = events[-1]["response"]["output"][0]["content"][0]
    assert (part["text"], part["logprobs"], len(part["annotations"])) == ("ab", [logprob], 1)


def test_an_empty_answer_is_still_a_response() -> None:
    assert kinds(encode(chunk("stop"))) == ["created", "in_progress", "completed"]
    encoder = OpenAIResponses().stream_encoder(CHAT)
    assert kinds(read(encoder.close(None))) == ["created", "in_progress", "completed"]


def test_other_choices_are_none_of_this_apis() -> None:
    second = chunk(content="b")
    second["choices"][0]["index"] = 1
    assert encode(chunk(content="a"), second, chunk("stop"))[-1]["response"]["output"][0]["content"][0]["text"] == "a"


def test_a_stream_that_broke_has_failed() -> None:
    turn = ResponsesTurn(CHAT, "hr" + "0" * 32, None, kept=False)
    encoder = turn.stream_encoder(CHAT)
    begun = encoder.encode([chunk(content="a")])
    events = read(begun + turn.stream_error(Internal()))
    assert kinds(events)[-2:] == ["failed", "error"]
    assert events[-2]["response"]["error"]["code"] == "server_error"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert turn.response is None
    assert turn.stream_encoder(CHAT) is encoder, "another attempt goes on with the same response"


DELTAS = st.one_of(
    st.text(max_size=5).map(lambda text: chunk(content=text)),
    st.text(max_size=5).map(lambda text: chunk(reasoning_content=text, reasoning=text)),
    st.tuples(st.integers(0, 2), st.sampled_from(["", "{", "}", '{"a":1}'])).map(lambda c: call(c[0], c[1], "f")),
    st.text(max_size=5).map(lambda text: chunk(refusal=text)),
    st.text(max_size=3).map(
        lambda text: chunk(reasoning_details=[{"type": "reasoning.text", "text": text, "signature": text, "index": 0}])
    ),
    st.text(max_size=3).map(lambda text: chunk(reasoning_details=[{"type": "reasoning.summary", "summary": text}])),
)


@given(st.lists(DELTAS, max_size=12), st.sampled_from(["stop", "length", "tool_calls"]))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_adds_up(chunks: list[Chunk], finish: str) -> None:
    encode(*chunks, chunk(finish))


def test_chunks_together_or_apart_are_the_same_events() -> None:
    chunks = [chunk(content="a"), call(0, "{}", "f"), chunk("tool_calls")]
    encoder = ResponsesEncoder(CHAT.native or {}, CHAT.created)
    assert read(encoder.encode(chunks) + encoder.close(None)) == encode(*chunks)
