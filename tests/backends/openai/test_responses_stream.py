"""The relay of the Responses API's streams: any cut of the bytes, the same whole; a cut stream never passes for one."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BackendError, BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.openai.responses_stream import LONGEST_EVENT, ResponsesRelay
from backends.types import Usage

FIXTURES = Path(__file__).parents[2] / "fixtures" / "openai_responses"
WHOLE = {
    "reasoning_and_text": Usage(input=56, cache_read_input=64, output=18, reasoning=40),
    "two_calls_crlf": Usage(input=200, output=31),
    "reasoning_text_without_names": Usage(input=11, output=4, reasoning=5),
    "incomplete": Usage(input=40, output=0, reasoning=16),
    "web_search": Usage(input=900, output=20),
}


def read(name: str) -> bytes:
    return (FIXTURES / f"{name}.sse").read_bytes()


def play(pieces: list[bytes], *, resumed: bool = False) -> tuple[ResponsesRelay, bytes]:
    relay = ResponsesRelay(resumed=resumed)
    out = b"".join(relay.feed(piece) for piece in pieces)
    return relay, out + relay.close()


def events(data: bytes) -> list[bytes]:
    separator = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    return [part + separator for part in data.split(separator) if part]


def kinds(data: bytes) -> list[str]:
    return [json.loads(line[5:])["type"] for line in data.splitlines() if line.startswith(b"data:")]


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_pass_unchanged_and_usage_is_read_in_disjoint_classes(name: str) -> None:
    relay, out = play([read(name)])
    assert out == read(name).removesuffix(b"data: [DONE]\n\n")
    assert relay.usage == WHOLE[name]
    assert relay.finished
    assert relay.done


@pytest.mark.parametrize("name", WHOLE)
def test_byte_by_byte_gives_the_same_whole(name: str) -> None:
    relay, out = play([bytes([byte]) for byte in read(name)])
    assert (out, relay.usage) == (play([read(name)])[1], WHOLE[name])


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(min_value=0), max_size=10))
@settings(max_examples=100)
def test_any_cut_gives_the_same_whole(name: str, places: list[int]) -> None:
    data = read(name)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    _, out = play([data[a:b] for a, b in pairwise(edges) if a < b])
    assert out == play([data])[1]


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_cut_at_any_event_is_lost(name: str) -> None:
    parts = [part for part in events(read(name)) if b"[DONE]" not in part]
    for kept in range(len(parts)):
        with pytest.raises(ConnectionLost):
            play(parts[:kept])
        with pytest.raises(ConnectionLost):
            play([*parts[:kept], parts[kept][: len(parts[kept]) // 2]])


def test_the_last_event_is_held_back_for_the_close() -> None:
    relay = ResponsesRelay()
    passed = relay.feed(read("reasoning_and_text"))
    assert "response.completed" not in kinds(passed)
    assert kinds(relay.close()) == ["response.completed"]


def test_nothing_is_passed_before_there_is_something_to_see() -> None:
    relay = ResponsesRelay()
    parts = events(read("reasoning_and_text"))
    assert b"".join(relay.feed(part) for part in parts[:4]) == b""
    assert not relay.flowing
    assert kinds(relay.feed(parts[4]))[0] == "response.created"
    assert relay.flowing
    assert not relay.committed
    for part in parts[5:12]:
        relay.feed(part)
    assert relay.committed


def test_a_call_of_any_kind_commits() -> None:
    for name in ("two_calls_crlf", "web_search"):
        relay = ResponsesRelay()
        for part in events(read(name))[:3]:
            relay.feed(part)
        assert relay.committed


def test_content_events_are_counted() -> None:
    for pieces in ([read("two_calls_crlf")], events(read("two_calls_crlf"))):
        assert play(pieces)[0].content_events == 4


def test_a_failed_response_is_an_error_and_never_passed() -> None:
    relay = ResponsesRelay()
    passed = relay.feed(read("failed"))
    assert "response.failed" not in kinds(passed)
    assert isinstance(relay.error, Refused)
    assert (relay.error.fault, relay.error.reply.status) == (Fault.CAPACITY, 429)
    with pytest.raises(Refused):
        relay.close()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"type":"error","code":"server_error","message":"Lamps out.","param":null}', Fault.CAPACITY),
        (b'{"type":"error","error":{"code":"context_length_exceeded","message":"Long."}}', Fault.CONTEXT_LENGTH),
        (b'{"type":"error","code":"invalid_prompt","message":"No.","param":null}', Fault.CALLER),
        (b'{"error":{"message":"Overloaded","code":503}}', Fault.CAPACITY),
    ],
    ids=range(4),
)
def test_an_error_event_is_classified(data: bytes, fault: Fault) -> None:
    relay = ResponsesRelay()
    relay.feed(b"event: error\ndata: " + data + b"\n\n")
    assert isinstance(relay.error, BackendError)
    assert relay.error.fault is fault


def test_a_resumed_answer_swallows_what_the_caller_has_seen() -> None:
    relay, out = play([read("reasoning_text_without_names")], resumed=True)
    assert kinds(out) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert relay.usage == WHOLE["reasoning_text_without_names"]


def test_comments_pass_and_do_not_count() -> None:
    relay, out = play([b": PROCESSING\n\n", read("two_calls_crlf").replace(b"\r\n", b"\n")])
    assert out.startswith(b": PROCESSING\n\nevent: response.created")
    assert relay.content_events == 4


def test_an_event_past_all_bounds_is_refused() -> None:
    relay = ResponsesRelay()
    with pytest.raises(BadAnswer):
        relay.feed(b"data: " + b"x" * (LONGEST_EVENT + 1))


@pytest.mark.parametrize("data", [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: {"type":"response.completed"}\n\n'])
def test_garbage_is_a_bad_answer(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        ResponsesRelay().feed(data)
