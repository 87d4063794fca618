"""What the caller has been told is known, whatever the events look like and however they arrive."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dispatch.said import Said
from tests.dispatch.stage import DONE, HEAD, chunk

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
DELTAS = st.one_of(
    TEXTS.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"reasoning": text, "reasoning_content": text}),
    st.just({"role": "assistant", "content": ""}),
    st.just({"content": None, "tool_calls": None, "refusal": None}),
    st.tuples(TEXTS, TEXTS).map(lambda two: {"reasoning": two[0], "content": two[1]}),
)


def spaced(event: bytes) -> bytes:
    """As Python's own json writes it, line ends as Windows has them."""
    return event.replace(b'"content":"', b'"content": "').replace(b"\n\n", b"\r\n\r\n")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(DELTAS, max_size=60),
    st.lists(st.integers(0, 60), max_size=10),
    st.booleans(),
)
def test_the_text_is_the_sum_of_the_deltas(deltas: list[dict[str, str]], cuts: list[int], windows: bool) -> None:
    events = [spaced(chunk(delta)) if windows else chunk(delta) for delta in deltas]
    said, at = Said(), 0
    for cut in [*sorted(cuts), len(events)]:
        if events[at:cut]:
            said.hear(b"".join(events[at:cut]))
        at = max(at, cut)
    begun = said.begun()
    assert begun is not None
    assert begun.content == "".join(delta.get("content") or "" for delta in deltas)
    assert begun.reasoning == "".join(delta.get("reasoning") or "" for delta in deltas)


def test_a_long_answer_is_kept_as_its_text_alone() -> None:
    said = Said()
    for number in range(20_000):
        said.hear(chunk({"content": f" {number}"}))
    begun = said.begun()
    assert begun is not None
    assert begun.content == "".join(f" {number}" for number in range(20_000))
    assert begun.tokens == 20_000


def test_comments_padding_and_the_terminator_say_nothing() -> None:
    said = Said()
    padded = {**HEAD, "obfuscation": "x" * 9, "choices": [{"index": 0, "delta": {"content": "a"}}]}
    said.hear(b": waiting\n\n" + chunk({"content": "b"}) + b"data: " + orjson.dumps(padded) + b"\n\n")
    said.hear(chunk({"content": "c"}) + b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n' + DONE)
    begun = said.begun()
    assert begun is not None
    assert begun.content == "bac"


def test_what_nobody_can_read_is_not_plain() -> None:
    for event in (b"data: {nonsense\n\n", b'data: {"choices":[{"index":1,"delta":{"content":"x"}}]}\n\n'):
        said = Said()
        said.hear(chunk({"content": "a"}) + event)
        assert said.begun() is None
