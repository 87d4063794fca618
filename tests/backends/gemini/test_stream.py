"""Gemini's streams in the common form: any cut of the bytes, the same chunks; a cut answer is never taken for whole."""

from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer, ConnectionLost, Fault, Refused
from backends.providers.gemini import GeminiAdapter, GeminiStreamDecoder
from backends.sse import LONGEST_EVENT
from backends.types import Usage
from tests.backends.gemini.common_form import FIXTURES, chat, cut, expected, gathered, play, said

STREAMS = sorted((FIXTURES / "gemini").glob("stream_*.sse"))
ARRAY = FIXTURES / "gemini" / "stream_array.json"
CALLS = (FIXTURES / "gemini" / "stream_parallel_calls_in_two_chunks.sse").read_bytes()
SIGNED = (FIXTURES / "gemini" / "stream_thinking_signed_text.sse").read_bytes()


def decoder(**body: object) -> GeminiStreamDecoder:
    return GeminiAdapter().stream_decoder(chat({"messages": [], **body}, stream=True))


def event(text: str, index: int = 0, finish: str | None = None) -> bytes:
    candidate = {"content": {"parts": [{"text": text}]}, "index": index}
    if finish:
        candidate["finishReason"] = finish
    return b"data: " + orjson.dumps({"candidates": [candidate], "responseId": "r"}) + b"\r\n\r\n"


@pytest.mark.parametrize("place", STREAMS, ids=lambda place: place.stem)
def test_a_stream_says_what_gemini_said(place: Path) -> None:
    heard = decoder()
    chunks = play(heard, [place.read_bytes()])
    assert said(gathered(chunks), heard.usage) == expected(place)
    assert heard.finished
    assert heard.done


@pytest.mark.parametrize("place", STREAMS, ids=lambda place: place.stem)
def test_byte_by_byte_gives_the_same_chunks(place: Path) -> None:
    whole = place.read_bytes()
    assert play(decoder(), [whole[at : at + 1] for at in range(len(whole))]) == play(decoder(), [whole])


@given(st.sampled_from(STREAMS), st.lists(st.integers(min_value=0), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_chunks(place: Path, places: list[int]) -> None:
    whole = place.read_bytes()
    assert play(decoder(), cut(whole, places)) == play(decoder(), [whole])


@pytest.mark.parametrize("place", STREAMS, ids=lambda place: place.stem)
def test_a_stream_cut_at_any_event_is_lost(place: Path) -> None:
    events = place.read_bytes().split(b"\r\n\r\n")[:-1]
    for many in range(len(events) - 1):
        part = decoder()
        with pytest.raises(ConnectionLost):
            play(part, [b"".join(event + b"\r\n\r\n" for event in events[: many + 1])])
        assert not part.done


def test_line_feeds_alone_and_a_missing_blank_line_at_the_end_do_no_harm() -> None:
    plain = CALLS.replace(b"\r\n", b"\n").rstrip(b"\n")
    assert play(decoder(), [plain]) == play(decoder(), [CALLS])


def test_an_array_is_read_as_well_as_events() -> None:
    whole = ARRAY.read_bytes()
    heard = decoder()
    chunks = play(heard, [whole])
    assert gathered(chunks)["message"]["content"] == 'a "brace" } and\\ [ {done}'
    assert heard.usage == Usage(input=3, output=5)
    assert play(decoder(), [whole[at : at + 1] for at in range(len(whole))]) == chunks
    for at in range(len(whole) - 40):
        with pytest.raises(ConnectionLost):
            play(decoder(), [whole[:at]])


@given(st.lists(st.integers(min_value=0), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_cut_of_an_array_gives_the_same_chunks(places: list[int]) -> None:
    whole = ARRAY.read_bytes()
    assert play(decoder(), cut(whole, places)) == play(decoder(), [whole])


def test_thoughts_come_in_chunks_of_their_own_so_that_they_do_not_commit() -> None:
    both = orjson.dumps({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "yes"}]}}]})
    thought, answer = decoder().feed(b"data: " + both + b"\r\n\r\n")
    assert thought["choices"][0]["delta"]["reasoning_content"] == "hm"
    assert "content" not in thought["choices"][0]["delta"]
    assert answer["choices"][0]["delta"]["content"] == "yes"
    assert "reasoning" not in answer["choices"][0]["delta"]


def test_the_first_delta_names_the_role_and_no_other_does() -> None:
    roles = [choice["delta"].get("role") for chunk in play(decoder(), [SIGNED]) for choice in chunk["choices"]]
    assert roles == ["assistant", None, None, None, None]


def test_calls_are_numbered_through_the_chunks_with_ids_of_their_own() -> None:
    calls = gathered(play(decoder(), [CALLS]))["message"]["tool_calls"]
    assert [call["index"] for call in calls] == [0, 1, 2]
    ids = [call["id"] for call in calls]
    assert len(set(ids)) == 3
    assert all(len(call_id) <= 40 for call_id in ids)
    assert ids == [call["id"] for call in gathered(play(decoder(), [CALLS]))["message"]["tool_calls"]]


def test_a_signature_stands_beside_its_call_in_both_forms() -> None:
    message = gathered(play(decoder(), [CALLS]))["message"]
    first = message["tool_calls"][0]
    assert first["extra_content"] == {"google": {"thought_signature": "CvABfixtureCallSig+1=="}}
    assert message["reasoning_details"] == [
        {
            "type": "reasoning.encrypted",
            "data": "CvABfixtureCallSig+1==",
            "format": "google-gemini-v1",
            "index": 0,
            "id": first["id"],
        }
    ]


def test_several_candidates_are_told_apart_and_all_awaited() -> None:
    heard = decoder(n=2)
    chunks = heard.feed(event("a", 0) + event("b", 1) + event("c", 0, "STOP"))
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1, 0]
    assert not heard.done
    heard.feed(event("d", 1, "MAX_TOKENS"))
    assert heard.done


def test_chunks_bear_the_answers_id_model_and_the_requests_date() -> None:
    for chunk in play(decoder(), [CALLS]):
        assert chunk["id"] == "q1Gx-aFixture_0001"
        assert chunk["model"] == "gemini-3-flash-preview"
        assert chunk["created"] == 1_700_000_000
        assert "usage" not in chunk


def test_an_error_in_a_stream_ends_it() -> None:
    heard = decoder()
    error = b'data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}\r\n\r\n'
    assert len(heard.feed(event("a") + error + event("b"))) == 1
    assert isinstance(heard.error, Refused)
    assert heard.error.fault is Fault.CAPACITY
    with pytest.raises(Refused):
        heard.close()


@pytest.mark.parametrize(
    "data",
    [
        b"data: <html>\r\n\r\n",
        b"data: 7\r\n\r\n",
        b'data: {"candidates":[7]}\r\n\r\n',
        b'data: {"candidates":[{"content":{"parts":["x"]}}]}\r\n\r\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":7}]}}]}\r\n\r\n',
        b'data: {"candidates":7}\r\n\r\n',
        b'data: {"usageMetadata":7}\r\n\r\n',
        b'data: {"candidates":[{"index":[]}]}\r\n\r\n',
        b"[{\x00}]",
    ],
)
def test_what_is_no_answer_is_a_bad_one(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        decoder().feed(data)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_it(data: bytes) -> None:
    with suppress(BadAnswer, ConnectionLost, Refused):
        play(decoder(), [data, b"data: {" + data])


@pytest.mark.parametrize("begin", [b"data: ", b'[{"a":"'])
def test_an_unfinished_event_past_all_bounds_is_refused(begin: bytes) -> None:
    heard = decoder()
    pieces = [begin, *[b"x" * 65536] * (LONGEST_EVENT // 65536)]
    assert not [chunk for piece in pieces[:-1] for chunk in heard.feed(piece)]
    with pytest.raises(BadAnswer):
        heard.feed(pieces[-1])
