"""Streams of chunks as Anthropic's events: in their order, and as the official client puts them together."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from backends.errors import ConnectionLost
from backends.providers.openai import OpenAIAdapter
from backends.types import ChatRequest
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.anthropic_seal import unseal
from gateway.dialects.translated import TranslatedRelay

FOLDER = Path(__file__).parents[1] / "fixtures" / "anthropic_messages"
STREAMS = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.sse"))}
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
DIALECT = AnthropicMessages()


def asked(**fields: Any) -> ChatRequest:
    body = {"model": "m", "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return DIALECT.parse(orjson.dumps(body), {})._replace(created=1_764_060_000)


def relay(chat: ChatRequest | None = None) -> TranslatedRelay:
    chat = chat or asked(stop_sequences=["three"])
    return TranslatedRelay(OpenAIAdapter().stream_decoder(chat), DIALECT.stream_encoder(chat))


def played(stream: bytes, cuts: list[int] | None = None, chat: ChatRequest | None = None) -> bytes:
    passing, said, start = relay(chat), b"", 0
    for cut in [*(cuts or []), len(stream)]:
        said += passing.feed(stream[start:cut])
        start = cut
    return said + passing.close()


def events_in(said: bytes) -> list[dict[str, Any]]:
    """The events, each strictly as Anthropic frames and types it."""
    events = []
    for framed in said.removesuffix(b"\n\n").split(b"\n\n"):
        name, data = framed.split(b"\n")
        event = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        EVENT.validate_python(event)
        events.append(event)
    return events


def in_order(events: list[dict[str, Any]]) -> None:
    """message_start, whole blocks one after the other, message_delta, message_stop."""
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    place, is_open = -1, False
    for event in events[1:-2]:
        kind = event["type"].removeprefix("content_block_")
        assert is_open == (kind != "start")
        place += kind == "start"
        assert event["index"] == place
        is_open = kind != "stop"
    assert not is_open


def together(said: bytes) -> dict[str, Any]:
    """What the official client makes of it."""
    events = events_in(said)
    in_order(events)
    message, buffers = None, dict[int, bytes]()
    for event in events:
        message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)  # type: ignore[arg-type]
    assert message is not None
    made: dict[str, Any] = Message.model_validate(message.to_dict()).to_dict()
    return made


def content(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = together(played(STREAMS[name]))["content"]
    return found


def test_thinking_of_a_model_that_signs_nothing_has_a_signature_and_comes_before_the_call() -> None:
    made = together(played(STREAMS["thinking_then_tool"]))
    thinking, call = made["content"]
    assert thinking["thinking"] == "The user asksfor the tide at Brest.\n"
    assert unseal(thinking["signature"], "") == []
    assert call == {
        "type": "tool_use",
        "id": "chatcmpl-tool-8b1",
        "name": "tide_table",
        "input": {"harbour": "Brest"},
    }
    assert (made["stop_reason"], made["model"]) == ("tool_use", "qwen3-30b-a3b")
    assert made["usage"]["input_tokens"] == 51
    assert made["usage"]["cache_read_input_tokens"] == 160
    assert made["usage"]["output_tokens"] == 48


def test_thinking_then_text() -> None:
    made = together(played(STREAMS["thinking_then_text"]))
    assert [block["type"] for block in made["content"]] == ["thinking", "text"]
    assert made["content"][1]["text"] == '\n\nDas ist 144 ✓ "sicher"'
    assert made["usage"]["output_tokens_details"] == {"thinking_tokens": 9}
    assert made["stop_reason"] == "end_turn"


def test_calls_that_interleave_are_told_one_after_the_other() -> None:
    first, lamp, heater, door, last = content("calls_interleaved")
    assert (first["text"], last["text"]) == ("Both at once:", " done.")
    assert [(call["id"], call["name"], call["input"]) for call in (lamp, heater, door)] == [
        ("call_a", "lamp", {"room": "hall"}),
        ("call_b", "heater", {"degrees": 21}),
        ("call_c", "door", {}),
    ]


def test_the_first_call_is_streamed_while_it_is_written() -> None:
    pieces = STREAMS["calls_interleaved"].split(b"\n\n")
    passing = relay()
    said = passing.feed(b"\n\n".join(pieces[:2]) + b"\n\n")
    assert b'"partial_json":"{\\"room\\":"' in said
    assert b"heater" not in said


def test_calls_without_an_index_are_told_apart_by_their_ids_and_names() -> None:
    made = together(played(STREAMS["calls_whole_without_index"]))
    assert [(call["name"], call["input"]) for call in made["content"]] == [
        ("lamp", {"room": "hall"}),
        ("lamp", {"room": "attic"}),
        ("door", {}),
    ]
    assert len({call["id"] for call in made["content"]}) == 3
    assert made["stop_reason"] == "tool_use"


def test_claudes_own_signatures_stay_as_they_are() -> None:
    assert content("details_with_signatures") == [
        {"type": "thinking", "thinking": "First, look.", "signature": "EqQBCkgIinvented=="},
        {"type": "redacted_thinking", "data": "EmwKAhinvented=="},
        {"type": "text", "text": "Seen."},
    ]


def test_what_another_provider_encrypted_is_sealed_to_its_thinking() -> None:
    thinking, text = content("encrypted_by_another")
    assert (thinking["thinking"], text["text"]) == ("Summing up.", "Four.")
    summary, encrypted = unseal(thinking["signature"], thinking["thinking"])
    assert (summary["summary"], encrypted["data"], encrypted["id"]) == ("Summing up.", "gAAAAABinvented", "rs_1")


def test_a_refusal_is_told_and_is_the_reason() -> None:
    made = together(played(STREAMS["refusal"]))
    assert (made["content"][0]["text"], made["stop_reason"]) == ("I can't help with that.", "refusal")


def test_the_stop_sequence_that_matched_is_named() -> None:
    made = together(played(STREAMS["stop_sequence"]))
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "three")


def test_a_call_that_was_cut_ends_with_max_tokens() -> None:
    made = together(played(STREAMS["cut_by_length"]))
    assert made["stop_reason"] == "max_tokens"
    assert made["content"][0]["type"] == "tool_use"


def test_an_empty_answer_has_no_content() -> None:
    made = together(played(STREAMS["nothing"]))
    assert (made["content"], made["stop_reason"]) == ([], "end_turn")


def test_sources_are_citations_of_the_text() -> None:
    (text,) = content("sources")
    assert text["text"] == "Rain in Ghent."
    assert text["citations"][0]["url"] == "https://weather.example/ghent"


def test_thinking_is_left_out_for_who_does_not_want_to_see_it() -> None:
    chat = asked(thinking={"type": "adaptive", "display": "omitted"})
    made = together(played(STREAMS["thinking_then_text"], chat=chat))
    assert [block["type"] for block in made["content"]] == ["text"]


@pytest.mark.parametrize("name", STREAMS)
def test_any_cut_gives_the_same_message(name: str) -> None:
    stream = STREAMS[name]
    whole = together(played(stream))
    assert together(played(stream, list(range(1, len(stream))))) == whole


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 5_000), max_size=12))
def test_cuts_at_random_give_the_same_message(name: str, cuts: list[int]) -> None:
    stream = STREAMS[name]
    assert together(played(stream, sorted(cut % len(stream) for cut in cuts))) == together(played(stream))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_ends_early_is_no_whole_message(name: str) -> None:
    pieces = STREAMS[name].split(b"\n\n")
    finish = next(place for place, piece in enumerate(pieces) if b'"finish_reason": "' in piece)
    for end in range(finish):
        passing = relay()
        said = passing.feed(b"".join(piece + b"\n\n" for piece in pieces[:end]))
        assert b"message_stop" not in said
        with pytest.raises(ConnectionLost):
            passing.close()


def test_pieces_of_a_call_that_was_told_already_change_nothing() -> None:
    encoder = DIALECT.stream_encoder(asked())

    def called(index: int, piece: str, name: str | None = None) -> dict[str, Any]:
        function = {"name": name, "arguments": piece} if name else {"arguments": piece}
        call = {"index": index, "function": function, **({"id": f"call_{index}"} if name else {})}
        return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}

    chunks = [called(0, '{"a":1}', "one"), called(1, "{}", "two"), called(0, "\n"), called(1, "\n")]
    made = together(encoder.encode(chunks) + encoder.close(None))
    assert [(call["name"], call["input"]) for call in made["content"]] == [("one", {"a": 1}), ("two", {})]


def test_a_name_that_comes_late_is_waited_for() -> None:
    encoder = DIALECT.stream_encoder(asked())
    deltas = [
        {"tool_calls": [{"index": 0, "id": "call_0", "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "late", "arguments": "1}"}}]},
    ]
    chunks = [{"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    (call,) = together(encoder.encode(chunks) + encoder.close(None))["content"]
    assert (call["id"], call["name"], call["input"]) == ("call_0", "late", {"a": 1})
