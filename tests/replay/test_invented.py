"""Exchanges of our own, played like recorded ones; and streams whose framing is legal, but unusual."""

import json

import pytest

from tests.conformance.upstreams.converse import frame, message_of
from tests.replay import invented
from tests.replay.comparing import compare, differences
from tests.replay.product import adapter_named, adapter_of, chat_of, fold_chunks
from tests.replay.readers.table import read
from tests.replay.recordings import Recording

ANSWERS = {recording.id: recording for recording in invented.answers()}
ERRORS = {recording.id: recording for recording in invented.errors()}
SSE = {name: each for name, each in ANSWERS.items() if each.stream and each.api not in ("converse", "responses")}


def _played(recording: Recording, body: bytes) -> list[str]:
    """What differs when the decoder is given these bytes in place of the recording's."""
    adapter = adapter_of(recording)
    decoder = adapter.stream_decoder(chat_of(recording))
    chunks = [*decoder.feed(body), *decoder.close()]
    reading, problems = fold_chunks(chunks, decoder.usage)
    return [each.what for each in problems] + compare(read(recording), reading)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_as_its_protocol_means_it(name: str) -> None:
    recording = ANSWERS[name]
    adapter = adapter_of(recording)
    assert not differences(recording, adapter)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_classed_by_whose_fault_it_is(name: str) -> None:
    recording = ERRORS[name]
    adapter = adapter_of(recording)
    assert not differences(recording, adapter)


@pytest.mark.parametrize("name", SSE)
def test_line_ends_comments_and_empty_events_change_nothing(name: str) -> None:
    recording = SSE[name]
    lf = recording.body.replace(b"\r\n", b"\n")
    crlf = lf.replace(b"\n", b"\r\n")
    commented = b": hello\n\n" + lf.replace(b"\n\n", b"\n\n: still here\n\nevent: nothing\n\nid: 7\nretry: 10\n\n")
    for body in (lf, crlf, b"\xef\xbb\xbf" + lf, commented, lf.replace(b"data: ", b"data:")):
        assert not _played(recording, body)


@pytest.mark.parametrize("name", SSE)
def test_an_event_may_spread_its_data_over_lines(name: str) -> None:
    recording = SSE[name]
    assert not _played(recording, recording.body.replace(b"data: {", b"data: {\ndata: "))


@pytest.mark.parametrize("name", [name for name, each in SSE.items() if each.api == "chat_completions"])
def test_a_missing_terminator_and_an_early_usage_change_nothing(name: str) -> None:
    recording = SSE[name]
    events = recording.body.split(b"\n\n")
    without_done = b"\n\n".join(events[:-2]) + b"\n\n"
    assert not _played(recording, without_done)
    usage = events[-3]
    assert b'"usage"' in usage
    early = b"\n\n".join([events[0], usage, *events[1:-3], events[-2], b""])
    assert not _played(recording, early)
    two_in_a_line = recording.body.replace(b"\n\n" + usage, b" " + usage.removeprefix(b"data: "))
    assert not _played(recording, two_in_a_line)


def test_an_exception_inside_an_aws_stream_is_an_error() -> None:
    headers = {
        ":message-type": "exception",
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
    }
    broken = message_of(headers, json.dumps({"message": "Too many tokens."}).encode())
    begun = frame("messageStart", {"role": "assistant"}) + frame(
        "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "It was"}}
    )
    recording = ANSWERS["bedrock-text-stream"]._replace(body=begun + broken)
    adapter = adapter_named("bedrock")
    assert read(recording).faults
    assert not differences(recording, adapter)


@pytest.mark.parametrize("place", [0, 5, 20, -3])
def test_a_damaged_aws_frame_never_passes_for_an_answer(place: int) -> None:
    recording = ANSWERS["bedrock-text-stream"]
    body = bytearray(recording.body)
    body[place] ^= 0x40
    adapter = adapter_named("bedrock")
    decoder = adapter.stream_decoder(chat_of(recording))
    with pytest.raises(Exception, match=r".") as caught:
        _ = [*decoder.feed(bytes(body)), *decoder.close()]
    assert type(caught.value).__module__ == "backends.errors"
