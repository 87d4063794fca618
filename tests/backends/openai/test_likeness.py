"""A chunk that is like the last one but for its text: seen without reading it, and never wrongly."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.providers.openai.likeness import Likeness
from backends.providers.openai.stream import OpenAIStreamRelay


def chunk(text: str, *, finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "c1", "choices": [choice], **more}) + b"\n\n"


KNOWN = chunk("known")
LAST = chunk("", finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 4}) + b"data: [DONE]\n\n"


def learned() -> Likeness:
    likeness = Likeness()
    likeness.learn(KNOWN)
    return likeness


def test_nothing_fits_before_something_is_known() -> None:
    assert not Likeness().fits(KNOWN)
    assert not Likeness().fits(b"")


@pytest.mark.parametrize("text", ["x", "other", "with \\ and \n and é", "[DONE] data: error"])
def test_another_text_fits(text: str) -> None:
    assert learned().fits(chunk(text))


@pytest.mark.parametrize(
    "other",
    [
        chunk(""),
        chunk('a "quote"'),
        chunk("x", finish="stop"),
        chunk("x", usage={"prompt_tokens": 1}),
        chunk("x", error={"message": "no"}),
        chunk("x") + chunk("y"),
        chunk("x")[:-1],
        chunk("x") + b"data: [DONE]\n\n",
        b"data: [DONE]\n\n",
        KNOWN[: KNOWN.index(b"known")] + b"x\n\ndata: [DONE]\n\n" + KNOWN[KNOWN.index(b"known") + 5 :],
    ],
)
def test_whatever_says_more_does_not(other: bytes) -> None:
    assert not learned().fits(other)


def test_a_stream_that_is_never_alike_is_given_up() -> None:
    likeness = Likeness()
    for number in range(20):
        likeness.learn(chunk("x", padding=str(number)))
    assert not likeness.fits(chunk("y", padding="19"))


class Unlike(Likeness):
    """Looks at everything."""

    __slots__ = ()

    def fits(self, event: bytes) -> bool:
        return False


@given(st.lists(st.text(), max_size=12), st.lists(st.integers(0, 3_000), max_size=12))
def test_a_stream_comes_out_the_same_with_and_without_it(texts: list[str], cuts: list[int]) -> None:
    stream = b"".join(map(chunk, ["first", "second", *texts])) + LAST
    places = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    for parts in (pieces, [chunk(text) for text in ["first", "second", *texts]] + [LAST]):
        quick, slow = OpenAIStreamRelay(hide_usage=True), OpenAIStreamRelay(hide_usage=True)
        slow._likeness = Unlike()
        for part in parts:
            assert quick.feed(part) == slow.feed(part)
        assert quick.close() == slow.close()
        assert (quick.usage, quick.finished, quick.done) == (slow.usage, slow.finished, slow.done)
        assert quick.content_events == slow.content_events
