"""The sandbox beside chat: the same answer to the same bytes, honest counts, OpenAI's shapes."""

import asyncio
import base64
import io
import struct
import wave
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from backends.errors import ConnectionLost
from backends.sandbox import SandboxBackend, SandboxSettings
from backends.types import UpstreamRequest


class Collector:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.data = b""

    def on_flow(self, flow: object) -> None:
        raise AssertionError("the sandbox does not push")

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers

    def on_data(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        return

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def events(self) -> list[Any]:
        parts = [part.split(b"data: ", 1)[1] for part in self.data.split(b"\n\n") if part]
        return [orjson.loads(part) for part in parts if part != b"[DONE]"]


def ask(path: str, body: object, settings: SandboxSettings | None = None, kind: str = "application/json") -> Collector:
    async def run() -> Collector:
        sink = Collector()
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        request = UpstreamRequest("POST", f"http://sandbox/v1/{path}", {"content-type": kind}, raw, False, 1.0)
        await asyncio.wait_for(
            SandboxBackend(settings or SandboxSettings(), now=lambda: 1_764_000_000.5).exchange(request, sink), 5
        )
        return sink

    return asyncio.run(run())


def form(**fields: str) -> tuple[bytes, str]:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"\0" * 3200 + b"\r\n"
    return b"".join(parts) + file + b"--b--\r\n", "multipart/form-data; boundary=b"


# Text


def test_a_completion_continues_its_prompt_and_says_who_it_is() -> None:
    made = ask("completions", {"model": "m", "prompt": "Once upon a time", "max_tokens": 50}).json
    (choice,) = made["choices"]
    assert made["object"] == "text_completion"
    assert "sandbox, not a model" in choice["text"]
    assert choice["finish_reason"] == "stop"
    assert made["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": -(-len(choice["text"]) // 4),
        "total_tokens": 4 - (-len(choice["text"]) // 4),
    }


def test_a_completion_has_sixteen_tokens_unless_more_are_asked_for() -> None:
    made = ask("completions", {"model": "m", "prompt": "Once upon a time"}).json
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["usage"]["completion_tokens"] == 16


def test_several_prompts_with_several_answers_each() -> None:
    made = ask("completions", {"model": "m", "prompt": ["a", [1, 2]], "n": 2, "echo": True, "max_tokens": 3}).json
    assert [choice["index"] for choice in made["choices"]] == [0, 1, 2, 3]
    assert [choice["text"].split(" This")[0] for choice in made["choices"]] == ["a", "a", "1 2", "1 2"]
    assert made["usage"]["completion_tokens"] == 12


def test_a_streamed_completion_is_the_whole_one_in_pieces() -> None:
    body = {"model": "m", "prompt": ["x", "y"], "max_tokens": 20}
    whole = ask("completions", body).json
    streamed = ask("completions", {**body, "stream": True, "stream_options": {"include_usage": True}})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.data.endswith(b"data: [DONE]\n\n")
    texts = ["", ""]
    for event in streamed.events:
        for choice in event["choices"]:
            texts[choice["index"]] += choice["text"]
    assert texts == [choice["text"] for choice in whole["choices"]]
    assert streamed.events[-1]["usage"] == whole["usage"]


# Vectors and scores


def test_embeddings_are_the_same_for_the_same_text_and_near_for_near_ones() -> None:
    given = ["a red apple", "a green apple", "the deep sea", "a red apple"]
    made = ask("embeddings", {"model": "m", "input": given}).json
    one, near, far, same = (entry["embedding"] for entry in made["data"])
    assert one == same
    assert sum(map(float.__mul__, one, one)) == pytest.approx(1)
    assert sum(map(float.__mul__, one, near)) > sum(map(float.__mul__, one, far)) + 0.2
    assert made["usage"] == {"prompt_tokens": 13, "total_tokens": 13}


def test_both_encodings_hold_the_same_numbers() -> None:
    body = {"model": "m", "input": "x", "dimensions": 5}
    numbers = ask("embeddings", body).json["data"][0]["embedding"]
    packed = ask("embeddings", {**body, "encoding_format": "base64"}).json["data"][0]["embedding"]
    assert struct.unpack("<5f", base64.b64decode(packed)) == pytest.approx(numbers)


def test_documents_that_share_words_with_the_query_come_first() -> None:
    body = {"model": "m", "query": "red apple", "documents": ["the sea", {"text": "one red apple"}, "an apple"]}
    made = ask("rerank", {**body, "return_documents": True}).json
    assert [result["index"] for result in made["results"]] == [1, 2, 0]
    assert made["results"][0]["document"] == {"text": "one red apple"}
    assert made["usage"]["total_tokens"] == made["usage"]["prompt_tokens"] > 0
    assert len(ask("rerank", {**body, "top_n": 1}).json["results"]) == 1
    assert ask("rerank", {**body, "top_n": 0}).json["results"] == []


def test_a_text_is_flagged_for_what_it_names() -> None:
    made = ask("moderations", {"input": ["violence, graphic", "flowers"]}).json
    first, second = made["results"]
    assert first["categories"]["violence/graphic"]
    assert not first["categories"]["hate"]
    assert (first["flagged"], second["flagged"]) == (True, False)
    parts = [{"type": "text", "text": "hate"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    assert [result["flagged"] for result in ask("moderations", {"input": parts}).json["results"]] == [True]


# Pictures and sound


def test_a_picture_is_one_pixel_of_the_prompts_colour() -> None:
    made = ask("images/generations", {"model": "m", "prompt": "dawn", "n": 2}).json
    assert made["created"] == 1_764_000_000
    pictures = [base64.b64decode(entry["b64_json"]) for entry in made["data"]]
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG\r\n\x1a\n")
    length, kind, width, height = struct.unpack_from(">I4sII", pictures[0], 8)
    assert (length, kind, width, height) == (13, b"IHDR", 1, 1)
    size, kind = struct.unpack_from(">I4s", pictures[0], 33)
    assert (kind, len(zlib.decompress(pictures[0][41 : 41 + size]))) == (b"IDAT", 4)
    assert made["usage"] == {
        "input_tokens": 1,
        "output_tokens": 544,
        "total_tokens": 545,
        "input_tokens_details": {"text_tokens": 1, "image_tokens": 0},
    }
    as_url = ask("images/generations", {"prompt": "dusk", "response_format": "url"}).json["data"][0]
    assert as_url["url"].startswith("data:image/png;base64,")


def test_a_streamed_picture_has_a_partial_one_before_it() -> None:
    events = ask("images/generations", {"prompt": "dawn", "stream": True}).events
    assert [event["type"] for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert events[1]["usage"]["output_tokens"] == 272


def test_speech_is_a_playable_wav_as_long_as_its_text() -> None:
    spoken = ask("audio/speech", {"model": "m", "input": "Good morning to you.", "response_format": "mp3"})
    assert spoken.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(spoken.data)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8000, 2000)
    plain = ask("audio/speech", {"model": "m", "input": "Good morning to you.", "response_format": "pcm"})
    assert (plain.headers["content-type"], len(plain.data)) == ("audio/pcm", 2000)


def test_streamed_speech_is_the_same_sound() -> None:
    body = {"model": "m", "input": "Good morning to you."}
    events = ask("audio/speech", {**body, "stream_format": "sse"}).events
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
    }
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == ask("audio/speech", body).data


@pytest.mark.parametrize(
    ("response_format", "kind", "begins"),
    [
        ("json", "application/json", b'{"text":"This is the Headrace sandbox'),
        ("verbose_json", "application/json", b'{"task":"transcribe"'),
        ("text", "text/plain; charset=utf-8", b"This is"),
        ("srt", "text/plain; charset=utf-8", b"1\n00:00:00,000 --> "),
        ("vtt", "text/plain; charset=utf-8", b"WEBVTT\n"),
    ],
)
@pytest.mark.parametrize("path", ["audio/transcriptions", "audio/translations"])
def test_a_transcript_tells_what_was_sent(path: str, response_format: str, kind: str, begins: bytes) -> None:
    body, content_type = form(model="m", response_format=response_format)
    answer = ask(path, body, kind=content_type)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.data.startswith(begins)
    assert b"3200 bytes" in answer.data


def test_a_streamed_transcript_ends_with_the_whole_and_its_usage() -> None:
    body, content_type = form(model="m", stream="true")
    events = ask("audio/transcriptions", body, kind=content_type).events
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]
    assert events[-1]["usage"]["input_token_details"] == {"text_tokens": 0, "audio_tokens": 2}


# What is refused, and faults


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("completions", {"model": "m"}, "prompt"),
        ("completions", {"model": "m", "prompt": [1, "a"]}, "prompt"),
        ("completions", {"model": "m", "prompt": "x", "logprobs": 3}, "logprobs"),
        ("completions", {"prompt": "x"}, "model"),
        ("embeddings", {"model": "m", "input": ""}, "input"),
        ("embeddings", {"model": "m", "input": ["a", ""]}, "input"),
        ("embeddings", {"model": "m", "input": "x", "dimensions": 9000}, "dimensions"),
        ("embeddings", {"model": "m", "input": "x", "encoding_format": "int8"}, "encoding_format"),
        ("rerank", {"model": "m", "query": "q", "documents": []}, "documents"),
        ("rerank", {"model": "m", "query": "q", "documents": [3]}, "documents[0]"),
        ("rerank", {"model": "m", "documents": ["a"]}, "query"),
        ("moderations", {}, "input"),
        ("images/generations", {"prompt": ""}, "prompt"),
        ("images/generations", {"prompt": "x", "n": 11}, "n"),
        ("audio/speech", {"input": ""}, "input"),
        ("audio/speech", {"input": "x" * 5000}, "input"),
    ],
)
def test_a_mistake_names_its_field(path: str, body: object, param: str) -> None:
    answer = ask(path, body)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize("fields", [{}, {"model": ""}, {"model": "m", "response_format": "docx"}])
def test_a_form_without_what_it_needs_is_refused(fields: dict[str, str]) -> None:
    body, kind = form(**fields)
    assert ask("audio/transcriptions", body, kind=kind).status == 400
    assert ask("audio/transcriptions", b"no form", kind=kind).status == 400


def test_faults_befall_every_route() -> None:
    assert ask("embeddings", {"model": "m", "input": "x"}, SandboxSettings(error_rate=1.0, errors=(503,))).status == 503
    with pytest.raises(ConnectionLost):
        ask("audio/speech", {"model": "m", "input": "hello"}, SandboxSettings(cut_rate=1.0))
    with pytest.raises(ConnectionLost):
        ask("completions", {"model": "m", "prompt": "x", "stream": True}, SandboxSettings(cut_rate=1.0))
