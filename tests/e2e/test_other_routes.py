"""The routes beside chat, with the official client: authenticated, routed, failed over and metered like chat."""

import base64
import io
import json
import struct
import threading
from collections.abc import Iterator

import openai
import pytest

from tests.support import scripts
from tests.support.caller import Answer, Caller, Json
from tests.support.gateway import Gateway
from tests.support.upstream import Line, Script, Upstream

MP3 = b"\xff\xfb\x90\x64" + bytes(range(256)) * 40


@pytest.fixture
def client(gateway: Gateway, app: Caller) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=app.key, max_retries=0, timeout=15) as made:
        yield made


def recording(data: bytes = MP3) -> tuple[str, io.BytesIO]:
    return "talk.mp3", io.BytesIO(data)


def plays(body: bytes, content_type: str, status: int = 200) -> Script:
    async def play(line: Line) -> None:
        await line.whole(status, {"content-type": content_type}, body)

    return play


# The sandbox answers all of them


def test_embeddings_as_numbers_and_in_base64(client: openai.OpenAI) -> None:
    numbers = client.embeddings.create(
        model="sandbox-model", input="a red apple", encoding_format="float", dimensions=8
    )
    packed = client.embeddings.create(model="sandbox-model", input="a red apple", dimensions=8)  # base64 on the wire
    assert len(numbers.data[0].embedding) == 8
    assert packed.data[0].embedding == pytest.approx(numbers.data[0].embedding)
    assert numbers.usage.prompt_tokens == 3


def test_a_text_completion_and_its_stream(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="sandbox-model", prompt="Once upon", max_tokens=40)
    chunks = list(
        client.completions.create(
            model="sandbox-model",
            prompt="Once upon",
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "not a model" in whole.choices[0].text
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage


def test_moderations(client: openai.OpenAI) -> None:
    made = client.moderations.create(model="sandbox-model", input=["sunshine", "graphic violence"])
    assert [result.flagged for result in made.results] == [False, True]


def test_a_picture_and_its_stream(client: openai.OpenAI) -> None:
    made = client.images.generate(model="sandbox-model", prompt="a lighthouse")
    assert made.data
    picture = base64.b64decode(made.data[0].b64_json or "")
    assert picture.startswith(b"\x89PNG")
    assert made.usage
    events = list(client.images.generate(model="sandbox-model", prompt="a lighthouse", stream=True))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def test_speech_as_a_file_and_as_events(client: openai.OpenAI, gateway: Gateway, app: Caller) -> None:
    spoken = client.audio.speech.create(model="sandbox-model", voice="alloy", input="Good morning.")
    assert spoken.response.headers["content-type"] == "audio/wav"
    assert spoken.content.startswith(b"RIFF")
    body = {"model": "sandbox-model", "voice": "alloy", "input": "Good morning.", "stream_format": "sse"}
    events = [json.loads(data) for data in app.post("/v1/audio/speech", body).events]
    sound = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    assert sound == spoken.content


def test_a_transcript_as_json_text_and_stream(client: openai.OpenAI) -> None:
    made = client.audio.transcriptions.create(model="sandbox-model", file=recording())
    assert f"{len(MP3)} bytes" in made.text
    text = client.audio.transcriptions.create(model="sandbox-model", file=recording(), response_format="text")
    assert str(text).strip() == made.text
    events = list(client.audio.transcriptions.create(model="sandbox-model", file=recording(), stream=True))
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == made.text


def test_a_translation(app: Caller) -> None:
    """The client calls it deprecated, and is right; those who use it still want it."""
    assert "not a model" in form(app, "/v1/audio/translations", {"model": "sandbox-model"}).json["text"]


def test_reranking(app: Caller) -> None:
    body = {"model": "sandbox-model", "query": "a red apple", "documents": ["the sea", "one red apple"], "top_n": 1}
    answer = app.post("/v1/rerank", body)
    assert answer.status == 200
    assert [result["index"] for result in answer.json["results"]] == [1]


@pytest.mark.parametrize(
    "prefix", ["/v1", "/openai/v1", "/api/v1", "/providers/sandbox/v1"], ids=lambda prefix: prefix.replace("/", "-")
)
def test_they_stand_under_every_prefix(app: Caller, prefix: str) -> None:
    assert app.post(f"{prefix}/embeddings", {"model": "sandbox-model", "input": "x"}).status == 200


# Bytes pass through, with another model's name in them


def test_the_upstream_gets_the_callers_bytes(app: Caller, upstream: Upstream) -> None:
    answer = b'{ "data":[{"embedding":[0.5],"index":0}], "usage":{"prompt_tokens":7,"total_tokens":7}, "new":1 }'
    upstream.script("upstream-name", plays(answer, "application/json"))
    seen = len(upstream.seen("upstream-name"))
    got = app.post("/v1/embeddings", b'{ "model":"named", "input" : "x", "unheard_of":{"a":[]} }')
    assert got.body == answer
    exchange = upstream.seen("upstream-name")[seen]
    assert exchange.path == "/alpha/v1/embeddings"
    assert exchange.body == b'{ "model":"upstream-name", "input" : "x", "unheard_of":{"a":[]} }'
    assert got.headers["x-headrace-cost-usd"] == "0.000000700"


def test_a_recording_goes_up_as_it_came(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script("upstream-name", plays(b'{"text":"hello"}', "application/json"))
    seen = len(upstream.seen("upstream-name"))
    sound = bytes(range(256)) * 8192  # two megabytes, with everything in it that a boundary is made of
    made = client.audio.transcriptions.create(model="named", file=recording(sound), language="en", prompt="x")
    assert made.text == "hello"
    exchange = upstream.seen("upstream-name")[seen]
    assert exchange.path == "/alpha/v1/audio/transcriptions"
    assert sound in exchange.body
    assert (exchange.header("content-type") or "").startswith("multipart/form-data; boundary=")
    assert exchange.header("content-length") == str(len(exchange.body))
    upstream.script("upstream-name", scripts.as_asked())  # others ask for it as well


def test_sound_passes_as_it_arrives(app: Caller, upstream: Upstream, model: str) -> None:
    gate = threading.Event()

    async def play(line: Line) -> None:
        await line.head(200, {"content-type": "audio/mpeg"})
        await line.data(MP3[:100])
        await line.passed(gate)
        await line.data(MP3[100:])
        await line.end()

    upstream.script(model, play)
    with app.wire() as wire:
        app.start(wire, "POST", "/v1/audio/speech", {"model": model, "input": "hi", "voice": "alloy"})
        status, headers = wire.head()
        pieces = wire.pieces()
        first = next(pieces)
        gate.set()
        rest = b"".join(pieces)
    assert (status, headers["content-type"]) == (200, "audio/mpeg")
    assert headers["x-headrace-target"].startswith(f"alpha/{model}@")
    assert first + rest == MP3
    assert first == MP3[:100]


def test_sound_that_breaks_off_ends_the_connection_and_never_with_an_error_in_it(
    app: Caller, upstream: Upstream, model: str
) -> None:
    async def play(line: Line) -> None:
        await line.head(200, {"content-type": "audio/mpeg"}, length=1000)
        await line.data(MP3[:100])
        line.cut()

    upstream.script(model, play)
    with app.wire() as wire:
        app.start(wire, "POST", "/v1/audio/speech", {"model": model, "input": "hi", "voice": "alloy"})
        wire.head()
        pieces = wire.pieces()
        assert next(pieces) == MP3[:100]
        with pytest.raises((ConnectionError, ValueError)):
            next(pieces)


def test_subtitles_keep_their_type(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, plays(b"WEBVTT\n\n", "text/vtt; charset=utf-8"))
    answer = form(app, "/v1/audio/transcriptions", {"model": model, "response_format": "vtt"})
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    assert answer.body == b"WEBVTT\n\n"


def test_a_model_that_does_not_stream_answers_whole(app: Caller, upstream: Upstream, model: str) -> None:
    """As whisper-1 does, whatever is asked of it."""
    upstream.script(model, plays(b'{"text":"hello"}', "application/json"))
    answer = form(app, "/v1/audio/transcriptions", {"model": model, "stream": "true"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"text": "hello"}


def test_a_page_in_place_of_sound_is_nobodys_answer(app: Caller, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, plays(b"<html>hello from the proxy</html>", "text/html"))
    upstream.script(pair, plays(MP3, "audio/mpeg"), provider="beta")
    answer = app.post("/v1/audio/speech", {"model": pair, "input": "hi"})
    assert (answer.body, answer.headers["x-headrace-attempts"]) == (MP3, "2")


def test_a_text_stream_that_is_cut_ends_with_an_error_event(app: Caller, upstream: Upstream, model: str) -> None:
    event = b'data: {"id":"c","object":"text_completion","choices":[{"index":0,"text":"on","finish_reason":null}]}\n\n'

    async def play(line: Line) -> None:
        await line.head(200, scripts.EVENTS)
        await line.data(event * 3)
        line.cut()

    upstream.script(model, play)
    answer = app.post("/v1/completions", {"model": model, "prompt": "go", "stream": True})
    assert answer.body.startswith(event * 3)
    assert answer.error["code"] == "upstream_error"


# Failover and metering


def test_a_failure_moves_on_to_the_next_target(app: Caller, upstream: Upstream, pair: str) -> None:
    answer = b'{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":4,"total_tokens":4}}'
    upstream.script(pair, plays(b'{"error":{"message":"down"}}', "application/json", 503))
    upstream.script(pair, plays(answer, "application/json"), provider="beta")
    got = app.post("/v1/embeddings", {"model": pair, "input": "x"})
    assert got.body == answer
    assert got.headers["x-headrace-attempts"] == "2"


def test_a_target_without_the_route_is_passed_over(app: Caller, upstream: Upstream, pair: str) -> None:
    """As Groq says it of moderations."""
    unknown = b'{"error":{"message":"Unknown request URL","type":"invalid_request_error","code":"unknown_url"}}'
    upstream.script(pair, plays(unknown, "application/json", 404))
    upstream.script(pair, plays(b'{"results":[{"flagged":false}]}', "application/json"), provider="beta")
    assert app.post("/v1/moderations", {"model": pair, "input": "x"}).status == 200


def test_a_recording_is_sent_again_to_the_next_target(app: Caller, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, plays(b"", "text/plain", 500))
    upstream.script(pair, plays(b'{"text":"at last"}', "application/json"), provider="beta")
    assert form(app, "/v1/audio/transcriptions", {"model": pair}).json["text"] == "at last"


@pytest.mark.parametrize(
    ("path", "body", "answer", "tokens"),
    [
        (
            "embeddings",
            {"input": "x"},
            {"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 9, "total_tokens": 9}},
            (9, 0),
        ),
        (
            "rerank",
            {"query": "q", "documents": ["d"]},
            {"results": [{"index": 0, "relevance_score": 1}], "usage": {"total_tokens": 43}},
            (43, 0),
        ),
        (
            "completions",
            {"prompt": "x"},
            {"choices": [{"text": "y"}], "usage": {"prompt_tokens": 2, "completion_tokens": 5}},
            (2, 5),
        ),
        (
            "images/generations",
            {"prompt": "x"},
            {"data": [{"b64_json": "YQ=="}], "usage": {"input_tokens": 11, "output_tokens": 272}},
            (11, 272),
        ),
    ],
    ids=["embeddings", "rerank", "completions", "images"],
)
def test_the_upstreams_count_is_the_bill(
    app: Caller, upstream: Upstream, model: str, path: str, body: Json, answer: Json, tokens: tuple[int, int]
) -> None:
    upstream.script(model, plays(json.dumps(answer).encode(), "application/json"))
    got = app.post(f"/v1/{path}", {"model": model, **body})
    assert got.status == 200
    nano = tokens[0] * 100 + tokens[1] * 300
    assert got.headers["x-headrace-cost-usd"] == f"0.{nano:09d}"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("embeddings", {"data": [{"embedding": [0.1] * 3000}]}),
        ("moderations", {"results": [{"flagged": False, "x": "y" * 5000}]}),
        ("rerank", {"results": [], "meta": {"billed_units": {"search_units": 1}}, "x": "y" * 5000}),
        ("images/generations", {"data": [{"b64_json": "A" * 5000}]}),
    ],
)
def test_without_a_count_only_the_input_is_estimated(
    app: Caller, upstream: Upstream, model: str, path: str, answer: object
) -> None:
    """The length of vectors and pictures tells nothing of tokens."""
    upstream.script(model, plays(json.dumps(answer).encode(), "application/json"))
    body = json.dumps({"model": model, "input": "x" * 400, "query": "q", "documents": ["d"], "prompt": "p"}).encode()
    got = app.post(f"/v1/{path}", body)
    assert got.headers["x-headrace-cost-usd"] == f"0.{len(body) // 4 * 100:09d}"


def test_a_recording_is_not_billed_by_its_bytes_as_text(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, plays(b'{"text":"hello"}', "application/json"))
    got = form(app, "/v1/audio/transcriptions", {"model": model}, b"\0" * 320_000)  # twenty seconds of MP3
    assert got.headers["x-headrace-cost-usd"] == f"0.{200 * 100 + 4 * 300:09d}"


# What is refused


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("embeddings", {}, "input"),
        ("completions", {}, "prompt"),
        ("rerank", {"query": "q", "documents": []}, "documents"),
        ("moderations", {}, "input"),
        ("images/generations", {}, "prompt"),
        ("audio/speech", {}, "input"),
    ],
)
def test_a_mistake_names_its_field(app: Caller, path: str, body: dict[str, object], param: str) -> None:
    answer = app.post(f"/v1/{path}", {"model": "sandbox-model", **body})
    assert (answer.status, answer.error["param"], answer.error["code"]) == (400, param, "invalid_request")


def test_every_route_wants_a_key(gateway: Gateway) -> None:
    nobody = Caller(gateway.base_url, None)
    for path in ("completions", "embeddings", "rerank", "moderations", "images/generations", "audio/speech"):
        assert nobody.post(f"/v1/{path}", {"model": "sandbox-model"}).status == 401
    assert form(nobody, "/v1/audio/transcriptions", {"model": "sandbox-model"}).status == 401


def test_each_route_says_which_media_type_it_takes(app: Caller) -> None:
    recording_as_json = app.post("/v1/audio/transcriptions", {"model": "sandbox-model"})
    assert (recording_as_json.status, recording_as_json.error["code"]) == (415, "unsupported_media_type")
    assert "multipart/form-data" in recording_as_json.error["message"]
    assert form(app, "/v1/embeddings", {"model": "sandbox-model"}).status == 415


def test_an_unknown_model_is_named(app: Caller) -> None:
    answer = app.post("/v1/moderations", {"input": "x"})
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "omni-moderation-latest" in answer.error["message"]


def test_a_recording_past_the_limit_is_too_large(app: Caller) -> None:
    assert form(app, "/v1/audio/transcriptions", {"model": "sandbox-model"}, b"\0" * (5 << 20)).status == 413


def form(app: Caller, path: str, fields: dict[str, str], data: bytes = MP3) -> Answer:
    """A recording, as a browser sends it."""
    parts = [
        f'--bound\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    ]
    head = (
        b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    )
    body = b"".join(parts) + head + data + b"\r\n--bound--\r\n"
    return app.post(path, body, {"content-type": "multipart/form-data; boundary=bound"})


def test_the_wav_of_the_sandbox_is_one(app: Caller) -> None:
    sound = app.post("/v1/audio/speech", {"model": "sandbox-model", "input": "hi"}).body
    riff, size, wave = struct.unpack_from("<4sI4s", sound)
    assert (riff, wave, size) == (b"RIFF", b"WAVE", len(sound) - 8)
