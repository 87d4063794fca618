"""Vertex: Gemini and Claude behind one door, each in its own words."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, NotCarried
from backends.providers.vertex import VertexAdapter, location_url
from backends.types import Clocks, Target, Usage
from tests.backends.gemini.common_form import FIXTURES, chat, cut, expected, gathered, play, said, said_by

PLACE = FIXTURES / "vertex"
STREAMS = sorted(PLACE.glob("stream_*.sse"))
ANSWERS = sorted(place for place in PLACE.glob("unary_*.json") if not place.name.endswith(".expected.json"))
BASE = "https://europe-west4-aiplatform.googleapis.com/v1/projects/example-project/locations/europe-west4"
HI = {"messages": [{"role": "user", "content": "Hi"}]}


def target(model: str, api_key: str | None = None) -> Target:
    return Target("vertex", "vertex", model, BASE, "vertex.example", api_key=api_key)


def build(model: str, body: Any = None, *, stream: bool = False, **more: Any) -> Any:
    return VertexAdapter().build_request(chat(body or HI, stream=stream, **more), target(model), Clocks())


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
    ],
)
def test_each_location_has_its_host(location: str, host: str) -> None:
    assert location_url("p-1", location) == f"https://{host}/v1/projects/p-1/locations/{location}"


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-pro", False, "/publishers/google/models/gemini-2.5-pro:generateContent"),
        ("gemini-2.5-pro", True, "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        ("google/gemini-2.5-pro", False, "/publishers/google/models/gemini-2.5-pro:generateContent"),
        ("publishers/google/models/gemini-x", False, "/publishers/google/models/gemini-x:generateContent"),
        ("endpoints/12345", False, "/endpoints/12345:generateContent"),
        ("claude-haiku-4-5@20251001", False, "/publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict"),
        ("anthropic/claude-haiku-4-5", True, "/publishers/anthropic/models/claude-haiku-4-5:streamRawPredict"),
    ],
)
def test_the_model_stands_in_the_url(model: str, stream: bool, path: str) -> None:
    request = build(model, stream=stream)
    assert request.url == BASE + path
    assert "model" not in orjson.loads(request.body)
    assert request.stream is stream


def test_other_publishers_models_are_not_carried_and_the_way_to_them_is_told() -> None:
    with pytest.raises(NotCarried, match="endpoints/openapi"):
        build("meta/llama-4")


@pytest.mark.parametrize("model", ["claude-x/../../y", "gemini?x", "endpoints/../x"])
def test_a_models_name_leads_nowhere_else(model: str) -> None:
    with pytest.raises(NotCarried):
        build(model)


def test_a_ready_token_is_sent_and_none_is_made_up() -> None:
    assert "authorization" not in build("gemini-2.5-pro").headers
    request = VertexAdapter().build_request(chat(HI), target("gemini-2.5-pro", "ya29.fixture"), Clocks())
    assert request.headers["authorization"] == "Bearer ya29.fixture"
    assert "ya29" not in f"{request!r}"


def test_gemini_here_takes_neither_ids_nor_tiers() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
    messages = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    request = build("gemini-2.5-pro", {"messages": messages, "service_tier": "flex"})
    assert b"c1" not in request.body
    assert request.dropped == ("service_tier",)


def test_claude_is_asked_in_anthropics_words() -> None:
    body = orjson.loads(build("claude-haiku-4-5", {**HI, "max_tokens": 9}).body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["max_tokens"] == 9
    assert body["messages"][0]["role"] == "user"


NATIVE = {"model": "asked-for", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "novelty": 1}


def test_a_message_of_anthropics_goes_through_with_its_betas() -> None:
    request = build(
        "claude-haiku-4-5",
        native=NATIVE,
        dialect="anthropic_messages",
        headers={"anthropic-beta": "a-1,b-2", "anthropic-version": "2023-06-01"},
    )
    assert orjson.loads(request.body) == {
        "anthropic_version": "vertex-2023-10-16",
        **{name: value for name, value in NATIVE.items() if name != "model"},
    }
    assert request.headers["anthropic-beta"] == "a-1,b-2"
    assert "anthropic-version" not in request.headers


def test_tokens_are_counted_by_a_model_of_its_own() -> None:
    request = build("claude-haiku-4-5", native=NATIVE, dialect="anthropic_count_tokens")
    assert request.url == f"{BASE}/publishers/anthropic/models/count-tokens:rawPredict"
    assert orjson.loads(request.body)["model"] == "claude-haiku-4-5"


def test_bytes_pass_for_claude_alone() -> None:
    adapter = VertexAdapter()
    assert adapter.speaks("anthropic_messages", target("claude-haiku-4-5"))
    assert not adapter.speaks("anthropic_messages", target("gemini-2.5-pro"))
    assert not adapter.speaks("openai_chat", target("claude-haiku-4-5"))


def test_claudes_stream_passes_as_it_came() -> None:
    whole = (PLACE / "stream_claude.sse").read_bytes()
    relay = VertexAdapter().stream_relay(chat(stream=True))
    assert relay.feed(whole) + relay.close() == whole
    assert relay.usage == Usage(input=12, output=5)


@pytest.mark.parametrize("place", STREAMS, ids=lambda place: place.stem)
def test_a_stream_says_what_the_model_said_however_it_is_cut(place: Path) -> None:
    whole = place.read_bytes()
    heard = VertexAdapter().stream_decoder(chat(stream=True))
    chunks = play(heard, [whole])
    assert said(gathered(chunks), heard.usage) == expected(place)
    assert heard.finished
    assert heard.done
    assert heard.error is None
    single = VertexAdapter().stream_decoder(chat(stream=True))
    assert play(single, [whole[at : at + 1] for at in range(len(whole))]) == chunks


@given(st.sampled_from(STREAMS), st.lists(st.integers(min_value=0), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_chunks(place: Path, places: list[int]) -> None:
    whole = b": comment\r\n\r\n" + place.read_bytes()
    adapter = VertexAdapter()
    pieces = play(adapter.stream_decoder(chat(stream=True)), cut(whole, places))
    assert pieces == play(adapter.stream_decoder(chat(stream=True)), [whole])


@pytest.mark.parametrize("place", STREAMS, ids=lambda place: place.stem)
def test_a_stream_cut_at_any_event_is_lost(place: Path) -> None:
    whole = place.read_bytes()
    end = b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n"
    events = whole.split(end)[:-1]
    for many in range(len(events)):
        begun = end.join([*events[:many], b""])
        if b"end_turn" in begun:  # why it stopped has been said; what is still to come is Anthropic's last word
            break
        with pytest.raises(ConnectionLost):
            play(VertexAdapter().stream_decoder(chat(stream=True)), [begun])


@pytest.mark.parametrize("place", ANSWERS, ids=lambda place: place.stem)
def test_an_answer_says_what_the_model_said(place: Path) -> None:
    assert said_by(VertexAdapter().read(chat(), place.read_bytes())) == expected(place)


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [("permission", 403, Fault.CREDENTIAL), ("token", 401, Fault.CREDENTIAL), ("claude", 400, Fault.CALLER)],
)
def test_errors_are_the_models_or_googles(name: str, status: int, fault: Fault) -> None:
    refused = VertexAdapter().parse_error(status, {}, (PLACE / f"error_{name}.json").read_bytes())
    assert refused.fault is fault
    if name == "claude":
        assert refused.reply.message == "max_tokens: must be at least 1"


def test_embeddings_are_a_prediction() -> None:
    asked = {"model": "m", "input": ["a", "b"], "dimensions": 2}
    request = build("text-embedding-005", asked, dialect="openai_embeddings")
    assert request.url == f"{BASE}/publishers/google/models/text-embedding-005:predict"
    assert orjson.loads(request.body) == {
        "instances": [{"content": "a"}, {"content": "b"}],
        "parameters": {"outputDimensionality": 2},
    }
    entries = [{"embeddings": {"values": [n], "statistics": {"token_count": n}}} for n in (1, 2)]
    answer, usage = VertexAdapter().read(
        chat(asked, dialect="openai_embeddings"), orjson.dumps({"predictions": entries})
    )
    assert [entry["embedding"] for entry in answer["data"]] == [[1], [2]]
    assert usage == Usage(input=3)
    for body in (b"{}", b'{"predictions": [7]}', b'{"predictions": 7}', b'{"predictions": [{"embeddings": {}}]}'):
        with pytest.raises(BadAnswer):
            VertexAdapter().read(chat(asked, dialect="openai_embeddings"), body)
