"""Speech and recordings, as callers send them."""

import struct

import orjson
import pytest

from backends.types import AnswerKind
from gateway.dialects.openai_audio import OpenAISpeech, OpenAITranscriptions, OpenAITranslations
from gateway.dialects.recordings import estimate_tokens
from tests.dialects.route_bodies import refused

SPEECH, TRANSCRIPTIONS = OpenAISpeech(), OpenAITranscriptions()
HEADERS = {"content-type": 'multipart/form-data; boundary="b"'}


def field(name: str, value: bytes, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + b"--b--\r\n"


SOUND = field("file", b"\xff\xfb" * 8000, '; filename="a.mp3"')
MODEL = field("model", b"whisper")


def test_speech_comes_as_it_is_or_as_events() -> None:
    chat = SPEECH.parse(b'{"model":"m","input":"hi","voice":{"id":"v"}}', {})
    assert (chat.stream, chat.answers) == (False, AnswerKind.BINARY)
    assert SPEECH.parse(b'{"model":"m","input":"hi","stream_format":"sse"}', {}).stream


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"input": ""}, "input"),
        ({"input": 3}, "input"),
        ({"stream_format": 1}, "stream_format"),
    ],
)
def test_each_mistake_of_speech_names_its_field(change: dict[str, object], param: str) -> None:
    assert refused(SPEECH, {"model": "m", "input": "hi", **change}).param == param


@pytest.mark.parametrize("dialect", [TRANSCRIPTIONS, OpenAITranslations()])
def test_a_form_with_a_recording(dialect: OpenAITranscriptions) -> None:
    raw = form(field("language", b"en"), SOUND, MODEL, field("timestamp_granularities[]", b"word") * 2)
    chat = dialect.parse(raw, HEADERS)
    assert chat.raw is raw
    assert (chat.model, chat.stream, chat.answers) == ("whisper", False, AnswerKind.TRANSCRIPT)
    assert chat.body["file"] == {"filename": "a.mp3", "content_type": None, "bytes": 16_000}
    assert chat.body["timestamp_granularities[]"] == ["word", "word"]
    assert chat.headers == {"content-type": "multipart/form-data; boundary=b"}
    assert chat.input_tokens == 10  # a second, not sixteen thousand bytes of text


@pytest.mark.parametrize(("value", "stream"), [(b"true", True), (b"True", True), (b"1", True), (b"false", False)])
def test_a_streamed_transcript_is_asked_for_in_the_form(value: bytes, stream: bool) -> None:
    assert TRANSCRIPTIONS.parse(form(MODEL, SOUND, field("stream", value)), HEADERS).stream is stream


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (form(SOUND), "model"),
        (form(field("model", b""), SOUND), "model"),
        (form(field("model", b"x" * 300), SOUND), "model"),
        (form(MODEL, MODEL, SOUND), "model"),
        (form(field("model", b"\xff"), SOUND), "model"),
        (form(field("model", b"whisper", '; filename="m"'), SOUND), "model"),
        (form(MODEL), "file"),
        (form(MODEL, field("file", b"no file name")), "file"),
        (form(MODEL, field("file", b"", '; filename="a.mp3"')), "file"),
        (form(MODEL, SOUND, SOUND), "file"),
        (form(MODEL, SOUND, field("max_tokens", b"many")), "max_tokens"),
        (form(MODEL, SOUND, field("prompt", b"x" * 70_000)), "prompt"),
        (b"nothing like a form", None),
        (form(MODEL, SOUND)[:-6], None),
    ],
    ids=range(14),
)
def test_each_mistake_of_a_form_names_its_field(raw: bytes, param: str | None) -> None:
    error = refused(TRANSCRIPTIONS, raw, HEADERS)
    assert (error.code, error.param) == ("invalid_request", param)


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=\0"])
def test_a_form_needs_its_boundary(kind: str) -> None:
    refused(TRANSCRIPTIONS, form(MODEL, SOUND), {"content-type": kind})


def test_a_wav_tells_how_long_it_is() -> None:
    rate, seconds = 48_000, 3
    data = b"\0" * rate * seconds
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 1, 24_000, rate, 2, 16, b"data", 0)
    assert estimate_tokens(memoryview(head + data)) == 30
    assert estimate_tokens(memoryview(b"\0" * 160_000)) == 100
    assert estimate_tokens(memoryview(b"\0")) == 1


def test_a_body_that_is_not_json_is_told_so() -> None:
    assert refused(SPEECH, b"{").code == "invalid_json"
    assert refused(SPEECH, orjson.dumps([1])).code == "invalid_request"
