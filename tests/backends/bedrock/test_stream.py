"""Streams of ConverseStream: any cut, every truncation, exceptions inside."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.bedrock.stream import BedrockStreamDecoder
from backends.types import Chunk, Usage
from tests.backends.bedrock.played import asked, cut, event, exception, fixture, framed, frames, header, named

STREAMS = named("stream")


def play(pieces: list[bytes]) -> tuple[BedrockStreamDecoder, list[Chunk]]:
    decoder = BedrockStreamDecoder(asked(stream=True))
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return decoder, [*chunks, *decoder.close()]


def deltas(chunks: list[Chunk]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def calls(chunks: list[Chunk]) -> list[list[str]]:
    found: list[list[str]] = []
    for delta in deltas(chunks):
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                assert call["index"] == len(found)
                found.append([call["id"], call["function"]["name"], ""])
            found[call["index"]][2] += call["function"]["arguments"]
    return found


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_all_that_bedrock_said(name: str) -> None:
    said = fixture(name)
    decoder, chunks = play(frames(name))
    assert "".join(delta.get("content", "") for delta in deltas(chunks)) == said["text"]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas(chunks)) == said["reasoning"]
    assert calls(chunks) == said["calls"]
    assert chunks[-1]["choices"][0]["finish_reason"] == said["finish_reason"]
    assert chunks[-1]["choices"][0]["native_finish_reason"] == said["events"][-2][1]["stopReason"]
    assert decoder.usage == Usage(*said["usage"])
    assert decoder.finished
    assert decoder.done
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len({chunk["id"] for chunk in chunks}) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_gives_the_same_chunks(name: str) -> None:
    data = b"".join(frames(name))
    assert play([bytes([byte]) for byte in data])[1] == play([data])[1]


@given(st.sampled_from(STREAMS), st.lists(st.integers(min_value=0), max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_cut_of_the_bytes_gives_the_same_chunks(name: str, places: list[int]) -> None:
    data = b"".join(frames(name))
    assert play(cut(data, places))[1] == play([data])[1]


@pytest.mark.parametrize("name", STREAMS)
def test_truncated_at_any_event_it_was_cut_unless_it_had_stopped(name: str) -> None:
    parts = frames(name)
    for end in range(len(parts)):
        decoder = BedrockStreamDecoder(asked(stream=True))
        chunks = decoder.feed(b"".join(parts[:end]))
        stopped = end == len(parts) - 1  # all but the usage is here
        assert decoder.finished is stopped
        assert any(chunk["choices"][0]["finish_reason"] for chunk in chunks) is stopped
        if not stopped:
            with pytest.raises(ConnectionLost):
                decoder.close()
        decoder = BedrockStreamDecoder(asked(stream=True))
        decoder.feed(b"".join(parts[:end]) + parts[end][:7])
        with pytest.raises(ConnectionLost):
            decoder.close()


def test_usage_alone_is_no_end() -> None:
    parts = frames("stream_text")
    decoder = BedrockStreamDecoder(asked(stream=True))
    decoder.feed(b"".join(parts[:-2]) + parts[-1])
    assert decoder.usage == Usage(*fixture("stream_text")["usage"])
    assert not decoder.done
    with pytest.raises(ConnectionLost):
        decoder.close()


def test_signatures_and_redacted_thoughts_come_as_details_of_their_own() -> None:
    details = [
        detail
        for delta in deltas(play(frames("stream_tools_and_thoughts"))[1])
        for detail in delta.get("reasoning_details", ())
    ]
    assert [(detail["type"], detail["index"]) for detail in details] == [
        ("reasoning.text", 0),
        ("reasoning.text", 0),
        ("reasoning.text", 0),
        ("reasoning.encrypted", 1),
    ]
    assert details[2] == {
        "type": "reasoning.text",
        "signature": "c2ln",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    whole = fixture("answer_tools_and_thoughts")["message"]["reasoning_details"][1]
    assert details[3] == whole


def test_the_providers_own_tools_are_carried_along_and_citations_keep_their_place() -> None:
    found = deltas(play(frames("stream_server_tool_and_citation"))[1])
    served = [block for delta in found for block in delta.get("server_tool_blocks", ())]
    assert served[0]["toolUse"]["input"] == {"snippet": "6*7"}
    assert served[1]["toolResult"]["content"] == [{"json": {"stdOut": "42"}}]
    (note,) = [note for delta in found for note in delta.get("annotations", ())]
    assert note["url_citation"] == {"url": "https://sums.example/42", "title": "sums", "start_index": 6, "end_index": 9}


@pytest.mark.parametrize(
    ("kind", "fault", "status"),
    [
        ("throttlingException", Fault.CAPACITY, 429),
        ("modelStreamErrorException", Fault.CAPACITY, 424),
        ("internalServerException", Fault.CAPACITY, 500),
        ("serviceUnavailableException", Fault.CAPACITY, 503),
        ("validationException", Fault.CALLER, 400),
    ],
)
def test_an_exception_in_the_stream_ends_it(kind: str, fault: Fault, status: int) -> None:
    parts = frames("stream_text")
    decoder = BedrockStreamDecoder(asked(stream=True))
    chunks = decoder.feed(parts[0] + parts[1] + exception(kind, "No more of this.") + parts[3])
    assert "".join(delta.get("content", "") for delta in deltas(list(chunks))) == "Fog "
    assert isinstance(decoder.error, Refused)
    assert decoder.error.fault is fault
    assert decoder.error.reply.status == status
    assert decoder.error.reply.message == "No more of this."
    assert decoder.feed(parts[3]) == []
    with pytest.raises(Refused):
        decoder.close()


def test_an_error_that_nobody_modelled_ends_it_too() -> None:
    headers = header(":message-type", "error") + header(":error-code", "InternalError")
    decoder = BedrockStreamDecoder(asked(stream=True))
    decoder.feed(framed(headers + header(":error-message", "An internal server error occurred"), b""))
    assert isinstance(decoder.error, Refused)
    assert decoder.error.reply.status == 500


def test_too_long_a_prompt_told_in_the_stream_is_known_as_such() -> None:
    decoder = BedrockStreamDecoder(asked(stream=True))
    decoder.feed(exception("validationException", "Input is too long for requested model."))
    assert isinstance(decoder.error, Refused)
    assert decoder.error.fault is Fault.CONTEXT_LENGTH


@pytest.mark.parametrize("payload", [[], 1, {"contentBlockIndex": 0}, {"delta": None}, {"delta": {"toolUse": {}}}])
def test_an_event_without_what_belongs_to_it_is_a_bad_answer(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        BedrockStreamDecoder(asked(stream=True)).feed(event("contentBlockDelta", payload))


def test_events_and_fields_still_to_come_are_nothing() -> None:
    parts = frames("stream_text")
    news = event("somethingNew", {"x": 1}), event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"new": 1}})
    assert play([parts[0], *news, *parts[1:]])[1] == play(parts)[1]


def test_the_same_request_in_the_same_second_has_the_same_id_and_another_has_not() -> None:
    first, again = play(frames("stream_text"))[1][0], play(frames("stream_text"))[1][0]
    other = BedrockStreamDecoder(asked(stream=True)._replace(raw=json.dumps({"x": 1}).encode()))
    assert first["id"] == again["id"] != other.feed(frames("stream_text")[0])[0]["id"]
