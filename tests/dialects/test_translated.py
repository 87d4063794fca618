"""A translated stream obeys the same rules as one whose bytes pass: nothing goes out before there is something."""

from collections.abc import Sequence

import orjson
import pytest

from backends.errors import ConnectionLost
from backends.providers.openai.decoder import OpenAIStreamDecoder
from backends.types import Chunk, Usage
from gateway.dialects.openai_chat import ChunkEncoder
from gateway.dialects.translated import TranslatedRelay


def event(delta: dict[str, object], finish: str | None = None, **more: object) -> bytes:
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
THOUGHT = event({"reasoning_content": "hm"})
TEXT = event({"content": "yes"})
STOP = event({}, "stop")
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def relay(*, resumed: bool = False, wants_usage: bool = False) -> TranslatedRelay:
    return TranslatedRelay(OpenAIStreamDecoder(), ChunkEncoder(wants_usage=wants_usage), resumed=resumed)


def deltas(data: bytes) -> Sequence[Chunk]:
    events = [part.removeprefix(b"data: ") for part in data.split(b"\n\n") if part]
    return [orjson.loads(part)["choices"][0]["delta"] for part in events if part != b"[DONE]"]


def test_a_role_is_held_until_there_is_something_to_see() -> None:
    made = relay()
    assert made.feed(ROLE) == b""
    assert not made.flowing
    assert deltas(made.feed(TEXT)) == [{"role": "assistant", "content": ""}, {"content": "yes"}]
    assert made.flowing
    assert made.committed


def test_reasoning_flows_and_does_not_commit() -> None:
    made = relay()
    assert deltas(made.feed(THOUGHT))[-1]["reasoning_content"] == "hm"
    assert made.flowing
    assert not made.committed
    made.feed(TEXT)
    assert made.committed
    assert made.content_events == 2


def test_an_answer_begun_anew_keeps_its_reasoning_to_itself() -> None:
    made = relay(resumed=True)
    assert made.feed(ROLE + THOUGHT) == b""
    passed = deltas(made.feed(THOUGHT + TEXT))
    assert [delta.get("content") for delta in passed] == ["", "yes"]
    assert all("reasoning_content" not in delta for delta in passed)


def test_the_terminator_and_the_usage_come_with_the_close() -> None:
    made = relay(wants_usage=True)
    passed = made.feed(ROLE + TEXT + STOP + USAGE + DONE)
    assert b"[DONE]" not in passed
    assert made.done
    assert made.usage == Usage(input=3, output=2)
    last = made.close()
    assert last.endswith(DONE)
    assert orjson.loads(last.split(b"\n\n")[0].removeprefix(b"data: "))["usage"]["total_tokens"] == 5


def test_who_did_not_ask_for_usage_gets_none() -> None:
    made = relay()
    made.feed(TEXT + STOP + USAGE + DONE)
    assert made.close() == DONE


def test_an_answer_without_any_content_is_given_at_the_close() -> None:
    made = relay()
    assert made.feed(ROLE + STOP + DONE) == b""
    assert made.close().count(b"data: ") == 3


def test_a_stream_that_was_cut_is_no_answer() -> None:
    made = relay()
    made.feed(ROLE + TEXT)
    with pytest.raises(ConnectionLost):
        made.close()


def test_an_error_in_the_stream_ends_it() -> None:
    made = relay()
    made.feed(TEXT)
    assert made.feed(b'data: {"error":{"message":"overloaded","code":503}}\n\n' + TEXT) == b""
    assert made.error is not None
