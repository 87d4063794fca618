"""Answers in which one value is not what it should be: they may be read or be an error, but never crash anything.

Every value of every invented answer is replaced, in turn, by values of other types.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from backends.adapter import StreamRelay
from backends.errors import MALFORMED, BackendError
from backends.types import ChatRequest
from gateway.dialects.base import Dialect
from gateway.dialects.translated import TranslatedRelay, read_whole
from tests.conformance.cells import dialects_spoken
from tests.conformance.upstreams.converse import message_of
from tests.replay import invented
from tests.replay.product import adapter_named, adapter_of, chat_of, own_dialect, protocol_of, target_of
from tests.replay.readers.framing import aws_frames
from tests.replay.recordings import Recording
from tests.replay.speaking import ASKED

WRONG: tuple[Any, ...] = (None, 0, -1.5, "", "?", [], {}, [None], [0], {"?": 0}, True)
RICH = ("thought_tool", "text_and_tools", "citing", "redacted", "refused", "likely")
ANSWERS = {recording.id: recording for recording in invented.answers() if any(name in recording.id for name in RICH)}
WHOLE = [name for name, recording in ANSWERS.items() if not recording.stream and recording.api != "responses"]
STREAMS = [name for name, recording in ANSWERS.items() if recording.stream and recording.api != "responses"]
DIALECTS = dialects_spoken()
ERRORS = (b"", b"<html><body>Bad Gateway</body></html>", b"[]", b"null", b'"?"', b"\xff\xfe", b"{", b'{"error": null}')


def mutants(value: Any) -> Iterator[Any]:
    """The value with one place in it replaced, or taken out."""
    yield from WRONG
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {other: each for other, each in value.items() if other != name}
            for mutant in mutants(inner):
                yield {**value, name: mutant}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for mutant in mutants(inner):
                yield [*value[:place], mutant, *value[place + 1 :]]


def _streams(recording: Recording) -> Iterator[bytes]:
    """The stream with one of its events mutated."""
    if recording.api == "converse":
        frames = aws_frames(recording.body)
        for place, (headers, payload) in enumerate(frames):
            before = b"".join(message_of(*frame) for frame in frames[:place])
            after = b"".join(message_of(*frame) for frame in frames[place + 1 :])
            for mutant in mutants(json.loads(payload)):
                yield before + message_of(headers, json.dumps(mutant).encode()) + after
        return
    end = b"\r\n\r\n" if b"\r\n\r\n" in recording.body else b"\n\n"
    events = recording.body.split(end)
    for place, event in enumerate(events):
        head, found, data = event.partition(b"data: ")
        if found and data != b"[DONE]":
            for mutant in mutants(json.loads(data)):
                told = head + b"data: " + json.dumps(mutant).encode()
                yield end.join([*events[:place], told, *events[place + 1 :]])


def _asked(dialect: Dialect, *, stream: bool) -> ChatRequest:
    return dialect.parse(json.dumps({"model": "m", "stream": stream, **ASKED[dialect.name]}).encode(), {})


@pytest.mark.parametrize("name", WHOLE)
def test_no_whole_answer_crashes_a_reader(name: str) -> None:
    recording = ANSWERS[name]
    adapter = adapter_of(recording)
    chat = chat_of(recording)
    dialect = own_dialect(recording)
    passes = dialect is not None and adapter.speaks(dialect, target_of(recording))
    asks = {name: (each, _asked(each, stream=False)) for name, each in DIALECTS.items()}
    for mutant in mutants(json.loads(recording.body)):
        body = json.dumps(mutant).encode()
        for spoken, asked in asks.values():
            try:
                json.loads(read_whole(adapter, spoken, asked, body, native=False)[0])
            except BackendError:
                continue
            except Exception as error:
                raise AssertionError(f"{error!r} for {body[:2000]!r}") from error
        if passes:
            try:
                read_whole(adapter, next(iter(DIALECTS.values())), chat, body, native=True)
            except BackendError:
                continue
            except Exception as error:
                raise AssertionError(f"passing through: {error!r} for {body[:2000]!r}") from error


@pytest.mark.parametrize("name", STREAMS)
def test_no_streamed_answer_crashes_a_decoder(name: str) -> None:
    recording = ANSWERS[name]
    adapter = adapter_of(recording)
    chat = chat_of(recording)
    dialect = own_dialect(recording)
    passes = dialect is not None and adapter.speaks(dialect, target_of(recording))
    for number, body in enumerate(_streams(recording)):
        spoken = list(DIALECTS.values())[number % len(DIALECTS)]
        asked = _asked(spoken, stream=True)
        relays: list[StreamRelay] = [TranslatedRelay(adapter.stream_decoder(chat), spoken.stream_encoder(asked))]
        relays += [adapter.stream_relay(chat)] if passes else []
        for relay in relays:
            try:
                relay.feed(body)
                relay.close()
            except BackendError:
                continue
            except Exception as error:
                if isinstance(error, MALFORMED) and not isinstance(relay, TranslatedRelay):
                    continue  # the door for what passes is dispatch's, see tests/dispatch
                raise AssertionError(
                    f"{type(relay).__name__} for {spoken.name}: {error!r} for {body[-2500:]!r}"
                ) from error


@pytest.mark.parametrize("protocol", sorted({protocol_of(recording) for recording in ANSWERS.values()}))
def test_no_error_answer_crashes_or_betrays_a_key(protocol: str) -> None:
    adapter = adapter_named(protocol)
    shaped = {
        "error": {"type": "x", "code": 400, "message": "no", "status": "X", "details": [{"a": 1}]},
        "message": "no",
    }
    bodies = [*ERRORS, *(json.dumps(mutant).encode() for mutant in mutants(shaped))]
    for status in (400, 401, 404, 429, 500, 529):
        for body in bodies:
            refused = adapter.parse_error(status, {}, body)
            assert refused.reply.status == status
    key = "sk-made-up-4f5e6d7c8b9a0f1e2d3c4b5a69788796"
    for status in (400, 401, 403, 500):
        leaky = json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}, "message": f"bad key {key}"})
        refused = adapter.parse_error(status, {}, leaky.encode())
        assert key not in repr(refused.reply)
        assert key not in str(refused)
