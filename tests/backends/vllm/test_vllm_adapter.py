"""The vLLM adapter, played against what a real engine of ours said (tests/vllm/record.py)."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import BackendError, ConnectionLost, Fault, Refused
from backends.types import ChatRequest, Clocks, Target, Usage
from backends.vllm import VLLMAdapter, VLLMStreamRelay

FIXTURES = Path(__file__).parents[2] / "fixtures" / "vllm"
REASONING = "Okay, someone greeted me so let us keep it short"
ANSWER = "Hello! This tiny model runs inside a real engine and always says these words in order."
TARGET = Target("qwen", "vllm", "qwen3-30b-a3b", "http://10.0.0.1:8000/v1", "10.0.0.1:8000", api_key="k")
WHOLE_STREAMS = sorted(path.stem for path in FIXTURES.glob("stream*.body") if "death" not in path.stem)
UNARY_ANSWERS = sorted(path.stem for path in FIXTURES.glob("unary*.body"))


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.body").read_bytes()


def about(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def asked(name: str) -> ChatRequest:
    body = about(name)["request"]
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return ChatRequest(
        raw=json.dumps(body).encode(),
        body=body,
        model="qwen3-30b-a3b",
        stream=bool(body.get("stream")),
        wants_usage=wants_usage,
    )


def refused(name: str) -> Refused:
    facts = about(name)
    return VLLMAdapter().parse_error(facts["status"], facts["headers"], recorded(name))


def play(relay: VLLMStreamRelay, pieces: list[bytes]) -> bytes:
    return b"".join([relay.feed(piece) for piece in pieces]) + relay.close()


def without_both_names(body: bytes) -> bytes:
    """The reverse of what the adapter adds, written down another way: whole lines, parsed."""
    lines = []
    for line in body.split(b"\n"):
        if not line.startswith(b"data: {"):
            lines.append(line)
            continue
        chunk = json.loads(line[6:])
        for choice in chunk["choices"]:
            assert choice["delta"].pop("reasoning_content", None) == choice["delta"].get("reasoning")
        lines.append(b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode())
    return b"\n".join(lines)


def deltas(body: bytes, index: int = 0) -> list[dict[str, Any]]:
    events = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [choice["delta"] for event in events for choice in event["choices"] if choice["index"] == index]


def joined(pieces: list[dict[str, Any]], field: str) -> str:
    return "".join(piece.get(field) or "" for piece in pieces)


def test_a_request_carries_earlier_reasoning_under_the_engines_name() -> None:
    body = {"model": "fast", "messages": [{"role": "assistant", "reasoning_content": "a", "content": "b"}]}
    chat = ChatRequest(json.dumps(body).encode(), body, model="fast", stream=False, wants_usage=False)

    request = VLLMAdapter().build_request(chat, TARGET, Clocks())

    assert request.url == "http://10.0.0.1:8000/v1/chat/completions"
    assert json.loads(request.body) == {
        "model": "qwen3-30b-a3b",
        "messages": [{"role": "assistant", "reasoning": "a", "content": "b"}],
    }


@pytest.mark.parametrize("name", UNARY_ANSWERS)
def test_a_unary_answer_is_the_engines_but_for_the_second_name(name: str) -> None:
    answer = VLLMAdapter().parse_response(asked("unary"), recorded(name))

    said, heard = json.loads(recorded(name)), json.loads(answer.body)
    for choice in heard["choices"]:
        assert choice["message"].pop("reasoning_content", None) == choice["message"]["reasoning"]
    assert heard == said
    assert answer.usage is not None
    usage = answer.usage
    assert usage.input + usage.cache_read_input + usage.cache_creation_input == said["usage"]["prompt_tokens"]
    assert usage.output + usage.reasoning == said["usage"]["completion_tokens"]


def test_a_unary_answers_reasoning_tokens_are_counted_apart() -> None:
    answer = VLLMAdapter().parse_response(asked("unary"), recorded("unary"))

    assert answer.usage is not None
    assert (answer.usage.output, answer.usage.reasoning) == (22, 11)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_is_the_engines_but_for_the_second_name(name: str) -> None:
    relay = VLLMAdapter().stream_relay(asked(name))

    heard = play(relay, [recorded(name)])

    assert without_both_names(heard) == recorded(name)
    assert relay.finished
    assert relay.committed


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_fed_byte_by_byte_is_the_same(name: str) -> None:
    said = recorded(name)
    whole, bytewise = VLLMAdapter().stream_relay(asked(name)), VLLMAdapter().stream_relay(asked(name))

    assert play(bytewise, [said[i : i + 1] for i in range(len(said))]) == play(whole, [said])
    assert (bytewise.usage, bytewise.content_events) == (whole.usage, whole.content_events)


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(0, 15_000), max_size=12))
def test_a_stream_cut_anywhere_is_the_same(name: str, cuts: list[int]) -> None:
    said = recorded(name)
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    pieces = [said[start:end] for start, end in itertools.pairwise(edges)]
    whole, cut = VLLMAdapter().stream_relay(asked(name)), VLLMAdapter().stream_relay(asked(name))

    assert play(cut, pieces) == play(whole, [said])
    assert cut.usage == whole.usage


def test_a_streams_words_come_whole_under_each_name() -> None:
    heard = deltas(play(VLLMAdapter().stream_relay(asked("stream")), [recorded("stream")]))

    assert joined(heard, "reasoning") == joined(heard, "reasoning_content") == REASONING
    assert joined(heard, "content") == "\n\n" + ANSWER


def test_a_streams_usage_is_heard_and_counts_reasoning_apart() -> None:
    relay = VLLMAdapter().stream_relay(asked("stream"))
    play(relay, [recorded("stream")])

    assert relay.usage is not None
    assert (relay.usage.output, relay.usage.reasoning) == (22, 11)


def test_a_streams_usage_chunk_is_hidden_from_who_did_not_ask() -> None:
    relay = VLLMStreamRelay(hide_usage=True)

    heard = play(relay, [recorded("stream")])

    assert b'"usage"' not in heard
    assert isinstance(relay.usage, Usage)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_that_ends_before_its_finish_reason_is_a_lost_connection(name: str) -> None:
    events = recorded(name).split(b"\n\n")
    before = list(itertools.takewhile(lambda event: b'"finish_reason":"' not in event, events))
    relay = VLLMAdapter().stream_relay(asked(name))
    relay.feed(b"\n\n".join(before) + b"\n\n")

    with pytest.raises(ConnectionLost):
        relay.close()


@given(st.sampled_from(WHOLE_STREAMS), st.floats(0, 1))
def test_a_stream_cut_before_its_finish_reason_is_never_taken_for_whole(name: str, where: float) -> None:
    said = recorded(name)
    relay = VLLMAdapter().stream_relay(asked(name))
    relay.feed(said[: int(where * said.index(b'"finish_reason":"'))])

    with pytest.raises(BackendError) as caught:
        relay.close()
    assert caught.value.another_target_may_help


def test_an_engine_that_dies_in_mid_stream_says_so_inside_its_200() -> None:
    relay = VLLMAdapter().stream_relay(asked("stream_engine_death"))

    heard = relay.feed(recorded("stream_engine_death"))

    assert isinstance(relay.error, Refused)
    assert relay.error.fault is Fault.CAPACITY
    assert relay.error.another_target_may_help
    assert relay.error.reply.code is None
    assert b"[DONE]" not in heard
    assert b"EngineCore" not in heard
    with pytest.raises(BackendError):
        relay.close()


@pytest.mark.parametrize("name", ["error_prompt_too_long", "error_prompt_too_long_stream", "error_max_tokens_too_long"])
def test_a_context_overflow_has_openais_code_and_keeps_its_numbers(name: str) -> None:
    error = refused(name)

    assert error.fault is Fault.CONTEXT_LENGTH
    assert not error.another_target_may_help
    assert not error.may_have_billed
    assert error.reply.code == "context_length_exceeded"
    assert "2048" in (error.reply.message or "")


def test_an_older_engines_words_for_an_overflow_are_known() -> None:
    message = "The decoder prompt (length 2100) is longer than the maximum model length of 2048."
    body = json.dumps({"object": "error", "message": message, "type": "BadRequestError", "code": 400}).encode()

    error = VLLMAdapter().parse_error(400, {}, body)

    assert error.fault is Fault.CONTEXT_LENGTH
    assert error.reply.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("error_wrong_type", Fault.CALLER),
        ("error_temperature", Fault.CALLER),
        ("error_model", Fault.MODEL),
        ("error_path", Fault.MODEL),
        ("error_key", Fault.CREDENTIAL),
        ("error_queue_full", Fault.CAPACITY),
        ("error_draining", Fault.CAPACITY),
    ],
)
def test_each_error_is_somebodys_fault(name: str, fault: Fault) -> None:
    error = refused(name)

    assert error.fault is fault
    assert error.another_target_may_help is (fault is not Fault.CALLER)
    assert error.reply.code is None  # the engine's code is its status, which says nothing more


@pytest.mark.parametrize("name", ["error_queue_full", "error_draining"])
def test_an_engine_without_room_or_on_its_way_out_has_billed_nothing(name: str) -> None:
    assert not refused(name).may_have_billed


def test_an_engines_text_about_the_key_is_not_repeated() -> None:
    assert refused("error_key").reply.message is None


def test_an_error_object_in_a_unary_200_is_read_as_the_engine_means_it() -> None:
    with pytest.raises(Refused) as caught:
        VLLMAdapter().parse_response(asked("unary"), recorded("error_prompt_too_long"))

    assert caught.value.reply.code == "context_length_exceeded"
