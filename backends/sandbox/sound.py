"""Speech without a model: a faint tone, as long as the text; and transcripts that tell what was sent."""

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.multipart import BadForm, boundary_of, read_parts
from backends.sandbox.answer import LABEL
from backends.sandbox.fields import parse
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply, TypedEvents
from backends.sandbox.tokens import count_tokens, split_tokens

RATE_HZ = 8000
SAMPLES_PER_TOKEN = 400
PIECE_BYTES = 1600
"""Of sound, in one event."""
MOST_CHARS = 4096
TONE_HZ = 400
BYTES_PER_TOKEN = 1600
"""Of a recording: a tenth of a second of MP3."""


def speak(raw: bytes) -> Reply:
    """The reply to a body: always WAV, whatever format was asked for, but for `pcm`. Raises Refusal."""
    body = parse(raw)
    text = body.get("input")
    if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARS:
        raise invalid(f"'input' must be a string of 1 to {MOST_CHARS} characters.", "input")
    samples = tone(SAMPLES_PER_TOKEN * count_tokens(text))
    plain = body.get("response_format") == "pcm"
    sound = samples if plain else wav(samples)
    return Reply(
        -(-len(sound) // PIECE_BYTES),
        lambda _: sound,
        "audio/pcm" if plain else "audio/wav",
        events=(lambda _: _speech_events(sound, count_tokens(text))) if body.get("stream_format") == "sse" else None,
    )


def tone(samples: int) -> bytes:
    """A square wave, one byte a sample."""
    half = RATE_HZ // TONE_HZ // 2
    wave = b"\x7c" * half + b"\x84" * half
    return (wave * (samples // len(wave) + 1))[:samples]


def wav(samples: bytes) -> bytes:
    """RIFF around eight-bit samples of one channel."""
    padded = samples + b"\x80" * (len(samples) % 2)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ, 1, 8)
    data = struct.pack("<4sI", b"data", len(samples)) + padded
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


def _speech_events(sound: bytes, read: int) -> TypedEvents:
    pieces = [sound[at : at + PIECE_BYTES] for at in range(0, len(sound), PIECE_BYTES)]
    usage = {"input_tokens": read, "output_tokens": len(pieces), "total_tokens": read + len(pieces)}
    deltas = [{"type": "speech.audio.delta", "audio": b64encode(piece).decode("ascii")} for piece in pieces]
    return TypedEvents(deltas, {"type": "speech.audio.done", "usage": usage})


def transcribe(raw: bytes, headers: Mapping[str, str]) -> Reply:
    """The reply to a form. Raises Refusal."""
    try:
        parts = {part.name: part for part in read_parts(raw, boundary_of(headers.get("content-type", "")))}
    except BadForm as error:
        raise invalid(f"The body is not valid multipart/form-data: {error}.", None) from error
    file = parts.get("file")
    if file is None or file.filename is None:
        raise invalid("'file' must be a recording.", "file")
    fields = {
        name: raw[part.start : part.end].decode("utf-8", "replace")
        for name, part in parts.items()
        if part.filename is None
    }
    if not fields.get("model"):
        raise invalid("you must provide a model parameter", "model")
    size = file.end - file.start
    text = f"{LABEL} You sent {size} bytes of sound."
    written, read = count_tokens(text), -(-size // BYTES_PER_TOKEN)
    usage = {
        "type": "tokens",
        "input_tokens": read,
        "input_token_details": {"text_tokens": 0, "audio_tokens": read},
        "output_tokens": written,
        "total_tokens": read + written,
    }
    form = fields.get("response_format") or "json"
    if form not in _FORMS:
        raise invalid(f"'response_format' must be one of {', '.join(_FORMS)}.", "response_format")
    content_type, render = _FORMS[form]
    return Reply(
        written,
        lambda _: render(text, size, usage),
        content_type,
        events=(lambda _: _transcript_events(text, usage)) if fields.get("stream") == "true" else None,
    )


def _transcript_events(text: str, usage: dict[str, Any]) -> TypedEvents:
    deltas = [{"type": "transcript.text.delta", "delta": token} for token in split_tokens(text)]
    return TypedEvents(deltas, {"type": "transcript.text.done", "text": text, "usage": usage})


def _json(text: str, size: int, usage: dict[str, Any]) -> bytes:  # noqa: ARG001  the table's signature
    return orjson.dumps({"text": text, "usage": usage})


def _verbose(text: str, size: int, usage: dict[str, Any]) -> bytes:
    seconds = size / (10 * BYTES_PER_TOKEN)
    said = {"task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": []}
    return orjson.dumps({**said, "usage": usage})


def _text(text: str, size: int, usage: dict[str, Any]) -> bytes:  # noqa: ARG001  the table's signature
    return text.encode() + b"\n"


def _srt(text: str, size: int, usage: dict[str, Any]) -> bytes:  # noqa: ARG001  the table's signature
    return b"1\n00:00:00,000 --> 00:00:01,000\n" + text.encode() + b"\n\n"


def _vtt(text: str, size: int, usage: dict[str, Any]) -> bytes:  # noqa: ARG001  the table's signature
    return b"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n" + text.encode() + b"\n\n"


_FORMS: Mapping[str, tuple[str, Callable[[str, int, dict[str, Any]], bytes]]] = MappingProxyType(
    {
        "json": ("application/json", _json),
        "verbose_json": ("application/json", _verbose),
        "text": ("text/plain; charset=utf-8", _text),
        "srt": ("text/plain; charset=utf-8", _srt),
        "vtt": ("text/plain; charset=utf-8", _vtt),
    }
)
