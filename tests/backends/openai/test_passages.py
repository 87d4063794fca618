"""The routes beside chat through OpenAI's adapter: fixtures in, the same bytes out, and what they say of usage."""

from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.adapter import StreamRelay
from backends.errors import BadAnswer, ConnectionLost, Fault, NotCarried, Refused
from backends.providers.openai import OpenAIAdapter
from backends.types import AnswerKind, ChatRequest, Clocks, Quirks, Target, Usage
from backends.vllm import VLLMAdapter

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "openai"
ROUTES = {
    "completions": "openai_completions",
    "embeddings": "openai_embeddings",
    "rerank": "rerank",
    "moderations": "openai_moderations",
    "images": "openai_images",
    "speech": "openai_speech",
    "transcript": "openai_transcriptions",
}
STREAMS = sorted(FIXTURES.glob("*_stream*.sse"))
USAGES = {
    "completions_stream": Usage(9, output=4),
    "completions_stream_two_choices": None,
    "images_stream": Usage(21, output=1056),
    "speech_stream": Usage(14, output=101),
    "transcript_stream": Usage(38, output=7),
    "transcript_stream_crlf": Usage(38, output=7),
    "transcript_stream_vllm": Usage(204, output=4),
    "completions_unary": Usage(5, cache_read_input=4, output=3),
    "embeddings_unary": Usage(6),
    "embeddings_unary_mistral": Usage(11),
    "embeddings_unary_voyage": Usage(3),
    "images_unary": Usage(21, output=272),
    "images_unary_xai": None,
    "moderations_unary": None,
    "rerank_unary_cohere": None,
    "rerank_unary_cohere_tokens": Usage(77),
    "rerank_unary_jina": Usage(13),
    "rerank_unary_voyage": Usage(31),
    "transcript_unary": Usage(38, output=7),
    "transcript_unary_seconds": None,
}


def dialect_of(fixture: Path) -> str:
    return ROUTES[fixture.stem.split("_")[0]]


def request(dialect: str, body: bytes = b'{"model":"m"}', *, stream: bool = False, usage: bool = True) -> ChatRequest:
    return ChatRequest(body, orjson.loads(body), "m", stream, usage, dialect=dialect, answers=AnswerKind.DATA)


def target(**more: object) -> Target:
    return Target("p", "openai", "upstream/m", "http://u/v1", "u:80", "sk-x", **more)  # type: ignore[arg-type]


def relay_for(fixture: Path) -> StreamRelay:
    adapter = VLLMAdapter() if "vllm" in fixture.stem else OpenAIAdapter()
    return adapter.stream_relay(request(dialect_of(fixture), stream=True))


def played(fixture: Path, pieces: list[bytes]) -> tuple[bytes, StreamRelay]:
    relay = relay_for(fixture)
    return b"".join([relay.feed(piece) for piece in pieces]) + relay.close(), relay


WHOLE_STREAMS = [path for path in STREAMS if path.stem in USAGES]


@pytest.mark.parametrize("fixture", WHOLE_STREAMS, ids=lambda path: path.stem)
def test_a_stream_passes_as_the_bytes_it_came_as(fixture: Path) -> None:
    data = fixture.read_bytes()
    passed, relay = played(fixture, [data])
    assert passed == data
    assert relay.usage == USAGES[fixture.stem]
    assert relay.committed
    assert relay.content_events >= 2
    assert played(fixture, [data[at : at + 1] for at in range(len(data))])[0] == data


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.floats(0, 1), max_size=12))
def test_any_cut_of_a_stream_gives_the_same(fixture: Path, shares: list[float]) -> None:
    data = fixture.read_bytes()
    cuts = [0, *sorted(int(share * len(data)) for share in shares), len(data)]
    passed, relay = played(fixture, [data[a:b] for a, b in pairwise(cuts)])
    assert passed == data
    assert relay.usage == USAGES[fixture.stem]


@pytest.mark.parametrize("fixture", WHOLE_STREAMS, ids=lambda path: path.stem)
def test_a_stream_cut_before_its_end_is_lost_and_never_whole(fixture: Path) -> None:
    data = fixture.read_bytes()
    blank = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    events = [event + blank for event in data.split(blank) if event]
    finished_from = next(n for n in range(1, len(events) + 1) if _finishes(fixture, events[:n]))
    for count in range(finished_from):
        with pytest.raises(ConnectionLost):
            played(fixture, events[:count])
    with pytest.raises(ConnectionLost):
        played(fixture, [data[: len(b"".join(events[: finished_from - 1])) + 9]])


def _finishes(fixture: Path, events: list[bytes]) -> bool:
    relay = relay_for(fixture)
    for event in events:
        relay.feed(event)
    return relay.finished


@pytest.mark.parametrize("fixture", WHOLE_STREAMS, ids=lambda path: path.stem)
def test_the_end_is_held_back_until_the_ledger_has_it(fixture: Path) -> None:
    relay = relay_for(fixture)
    passed = relay.feed(fixture.read_bytes())
    assert fixture.read_bytes().startswith(passed)
    assert relay.close()


def test_an_error_inside_a_stream_ends_it() -> None:
    data = (FIXTURES / "images_stream_failed.sse").read_bytes()
    relay = OpenAIAdapter().stream_relay(request("openai_images", stream=True))
    relay.feed(data)
    assert isinstance(relay.error, Refused)
    assert "safety system" in (relay.error.reply.message or "")
    with pytest.raises(Refused):
        relay.close()


def test_a_picture_of_several_megabytes_is_one_event_and_more_is_none() -> None:
    relay = OpenAIAdapter().stream_relay(request("openai_images", stream=True))
    event = b'data: {"type":"image_generation.partial_image","b64_json":"%b"}\n\n' % (b"A" * (3 << 20))
    passed = b"".join(relay.feed(event[at : at + 65536]) for at in range(0, len(event), 65536))
    assert passed == event
    with pytest.raises(BadAnswer, match="an event of more than"):
        relay.feed(b"A" * (32 << 20) + b"A")


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*_unary*.json")), ids=lambda path: path.stem)
def test_a_whole_answer_passes_as_it_came(fixture: Path) -> None:
    if fixture.stem not in USAGES:
        pytest.skip("another route's")
    body = fixture.read_bytes()
    answer = OpenAIAdapter().parse_response(request(dialect_of(fixture)), body)
    assert answer.body is body
    assert answer.usage == USAGES[fixture.stem]


@pytest.mark.parametrize("dialect", [*ROUTES.values(), "openai_translations"])
def test_what_is_no_answer_is_a_bad_one_and_an_error_inside_a_200_a_refusal(dialect: str) -> None:
    adapter = OpenAIAdapter()
    for body in (b"<html><body>nginx", b"{}", b'{"x":1}', b"{"):
        with pytest.raises(BadAnswer):
            adapter.parse_response(request(dialect), body)
    with pytest.raises(Refused):
        adapter.parse_response(request(dialect), b'{"error":{"message":"no room","code":503}}')


def test_long_embeddings_are_searched_for_their_usage() -> None:
    numbers = b",".join(b"0.0123456789" for _ in range(20_000))
    body = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[%b]}],"usage":%b}'
    adapter = OpenAIAdapter()
    counted = adapter.parse_response(
        request("openai_embeddings"), body % (numbers, b'{"prompt_tokens":7,"details":{"a":1},"total_tokens":7}')
    )
    assert counted.usage == Usage(7)
    uncounted = adapter.parse_response(request("openai_embeddings"), body % (numbers, b"null"))
    assert uncounted.usage is None
    with pytest.raises(BadAnswer):
        adapter.parse_response(request("openai_embeddings"), b"<html>" + b"x" * 100_000)


def test_the_usage_of_a_picture_too_long_to_be_held_is_found_at_its_end() -> None:
    tail = b'A"}],"usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}'
    assert OpenAIAdapter().usage_in(tail) == Usage(3, output=5)
    assert OpenAIAdapter().usage_in(bytes(range(256)) * 64) is None


def test_plain_text_and_subtitles_are_transcripts() -> None:
    for body in (b"The tide turns.\n", b"WEBVTT\n\n00:00.000 --> 00:01.000\nhm\n", b"1\n00:00:00,000 --> ...\n", b""):
        answer = OpenAIAdapter().parse_response(request("openai_transcriptions"), body)
        assert (answer.body, answer.usage) == (body, None)


def test_sound_of_no_type_passes_unread() -> None:
    sound = bytes(range(256))
    assert OpenAIAdapter().parse_response(request("openai_speech"), sound).body is sound
    with pytest.raises(BadAnswer):
        OpenAIAdapter().parse_response(request("openai_speech"), b"")


PATHS = {
    "openai_completions": "/completions",
    "openai_embeddings": "/embeddings",
    "rerank": "/rerank",
    "openai_moderations": "/moderations",
    "openai_images": "/images/generations",
    "openai_speech": "/audio/speech",
}


@pytest.mark.parametrize("adapter", [OpenAIAdapter(), VLLMAdapter()], ids=["openai", "vllm"])
@pytest.mark.parametrize(("dialect", "path"), PATHS.items())
def test_a_request_goes_up_as_it_came_with_the_upstreams_name(adapter: OpenAIAdapter, dialect: str, path: str) -> None:
    chat = request(dialect, b'{ "model" : "m", "prompt":"x" }')
    assert adapter.speaks(dialect, target())
    sent = adapter.build_request(chat, target(), Clocks())
    assert (sent.url, sent.body) == (f"http://u/v1{path}", b'{ "model" : "upstream/m", "prompt":"x" }')
    assert sent.headers["authorization"] == "Bearer sk-x"


def test_usage_is_asked_for_in_streams_of_text_and_nowhere_else() -> None:
    body = b'{"model":"m","prompt":"x","stream":true}'
    text = request("openai_completions", body, stream=True, usage=False)
    assert orjson.loads(OpenAIAdapter().build_request(text, target(), Clocks()).body)["stream_options"] == {
        "include_usage": True
    }
    picture = request("openai_images", body, stream=True, usage=False)
    assert "stream_options" not in orjson.loads(OpenAIAdapter().build_request(picture, target(), Clocks()).body)


def test_a_name_that_was_left_out_is_put_in() -> None:
    chat = ChatRequest(
        b'{"input":[{"model":"m"}]}',
        {"input": [{"model": "m"}]},
        "omni",
        stream=False,
        wants_usage=False,
        dialect="openai_moderations",
    )
    sent = orjson.loads(OpenAIAdapter().build_request(chat, target(), Clocks()).body)
    assert sent == {"input": [{"model": "m"}], "model": "upstream/m"}


def test_a_provider_whose_routes_are_known_is_asked_for_no_others() -> None:
    known = target(quirks=Quirks(dialects=frozenset({"openai_embeddings"})))
    adapter = OpenAIAdapter()
    assert adapter.speaks("openai_embeddings", known)
    assert not adapter.speaks("rerank", known)
    with pytest.raises(NotCarried) as refused:
        adapter.build_request(request("rerank"), known, Clocks())
    assert refused.value.param == "model"


def test_a_server_that_cannot_do_this_is_not_unwell() -> None:
    """As llama.cpp says it: another target is tried, and the circuit stays closed for those who chat."""
    body = b'{"error":{"code":501,"message":"This server does not do embeddings.","type":"not_supported_error"}}'
    error = OpenAIAdapter().parse_error(501, {}, body)
    assert error.fault is Fault.MODEL
    assert error.another_target_may_help
