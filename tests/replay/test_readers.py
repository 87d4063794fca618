"""The independent readers themselves: they have to be right about what nobody else wrote down."""

import pytest

from tests.replay import invented
from tests.replay.comparing import compare
from tests.replay.readers.faults import delay, faults
from tests.replay.readers.openai_chat import usages
from tests.replay.readers.table import read
from tests.replay.reading import Choice, Reading, Tokens, canonical

PLAIN = {each.id: each for each in invented.answers() if "refused" not in each.id and "twice" not in each.id}


@pytest.mark.parametrize("name", PLAIN)
def test_a_reader_finds_all_that_was_said(name: str) -> None:
    recording = PLAIN[name]
    said = invented.SAYINGS[recording.id.removesuffix("-stream").split("-")[-1]]
    choice = read(recording).choices[0]
    assert (choice.text, choice.finish) == (said.text, said.finish)
    assert choice.reasoning == said.reasoning
    assert [tool.name for tool in choice.tools] == [tool.name for tool in said.tools]
    assert [tool.arguments for tool in choice.tools] == [canonical(tool.arguments) for tool in said.tools]


def test_usage_is_split_into_classes_that_never_overlap() -> None:
    told = {"prompt_tokens": 90, "completion_tokens": 15, "total_tokens": 105}
    inside = {
        **told,
        "completion_tokens_details": {"reasoning_tokens": 9},
        "prompt_tokens_details": {"cached_tokens": 40},
    }
    assert usages(inside) == (Tokens(50, 40, 0, 6, 9),)
    beside = {**inside, "total_tokens": 105 + 9}
    assert usages(beside) == (Tokens(50, 40, 0, 15, 9),)
    assert usages({**told, "completion_tokens_details": {"reasoning_tokens": 99}}) == (Tokens(90, 0, 0, 0, 15),)
    assert usages(None) == ()


def test_the_comparison_sees_each_kind_of_difference() -> None:
    right = Reading((Choice("yes", "since", "", (), "stop"),), (Tokens(1, 0, 0, 1),), frozenset({"s"}), True)
    assert not compare(right, right)
    for wrong in (
        right._replace(choices=()),
        right._replace(choices=(right.choices[0]._replace(text="ye"),)),
        right._replace(choices=(right.choices[0]._replace(reasoning=""),)),
        right._replace(choices=(right.choices[0]._replace(finish="length"),)),
        right._replace(usages=()),
        right._replace(usages=(Tokens(1, 0, 0, 2),)),
        right._replace(signatures=frozenset()),
        right._replace(cited=False),
    ):
        assert compare(right, wrong)


def test_errors_are_classed_by_their_words_before_their_status() -> None:
    assert faults(400, '{"error": {"message": "API key not valid."}}') == {"credential"}
    assert faults(400, '{"error": {"code": "model_not_found"}}') == {"model"}
    assert faults(400, "no") == {"caller"}
    assert faults(529, "") == {"capacity"}


def test_a_wait_is_found_in_the_header_or_in_googles_details() -> None:
    assert delay({"retry-after": "7"}, "") == 7
    assert delay({}, '{"error": {"details": [{"retryDelay": "48s"}]}}') == 48
    assert delay({}, "not json") is None
