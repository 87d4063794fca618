"""An answer that breaks off is gone on with elsewhere, and the caller sees one stream: cut at every token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from backends.errors import ConnectionLost
from tests.dispatch.engine import ANSWER, REASONING, THOUGHT, WHOLE, speaks
from tests.dispatch.stage import DONE, EVENTS, HI, Json, Outcome, Player, chunk, play

RULES = """
version: 1
providers:
  one: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
  two: {protocol: vllm, base_url: "http://127.0.0.1:9/v1"}
models:
  m:
    capabilities: [tools, reasoning, json_schema, logprobs, n, continue]
    targets: [{provider: one, model: m, priority: 1}, {provider: two, model: m, priority: 2}]
defaults: {retry: {attempts: 2, budget: {min_per_second: 100}}}
"""
ALL = len(REASONING) + len(ANSWER)


def one_of(directory: Path, one: Player, two: Player, rules: str = RULES, **fields: Any) -> Outcome:
    return play(directory, rules, {"one": one, "two": two}, {"messages": HI, **fields})[0]


def assert_one_stream(outcome: Outcome) -> None:
    """Nobody can see that there were two."""
    caller = outcome.caller
    assert caller.status == 200
    assert caller.ended
    assert caller.body.endswith(b"data: [DONE]\n\n")
    assert caller.body.count(b"[DONE]") == 1
    events = caller.events
    assert {(event["id"], event["created"], event["model"]) for event in events} == {("chatcmpl-1", 1, "model-1")}
    choices = [choice for event in events for choice in event["choices"]]
    assert [choice["delta"].get("role") for choice in choices].count("assistant") == 1
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    assert all(choice["delta"] or choice["finish_reason"] for choice in choices)


@pytest.mark.parametrize("how", ["cut", "error", "stall"])
@pytest.mark.parametrize("at", range(1, ALL + 1))
def test_the_joined_text_is_the_uncut_one(tmp_path: Path, at: int, how: str) -> None:
    one, two = Player(speaks(at, how=how)), Player(speaks(name="2"))
    outcome = one_of(tmp_path, one, two, stream_options={"include_usage": True})
    assert outcome.caller.said("content") == WHOLE
    assert_one_stream(outcome)
    assert len(two.asked) == 1
    if at <= len(REASONING):  # begun anew, and what is thought meanwhile is not told
        assert outcome.caller.said("reasoning") == "".join(REASONING[:at])
        assert "continue_final_message" not in two.asked[0]
    else:
        assert outcome.caller.said("reasoning") == THOUGHT


@pytest.mark.parametrize("at", range(len(REASONING) + 2, ALL + 1))
def test_both_attempts_are_in_the_ledger_and_the_usage_is_the_whole_answers(tmp_path: Path, at: int) -> None:
    outcome = one_of(tmp_path, Player(speaks(at)), Player(speaks(name="2")), stream_options={"include_usage": True})
    assert outcome.attempts == [("one", "continued"), ("two", "complete")]
    first, second = outcome.records
    assert (first.source, first.usage.output, first.ending.final) == ("estimated", at, False)
    assert (second.source, second.ending.final, second.ending.status) == ("provider", True, 200)
    assert second.usage.completion + at >= ALL
    usages = [event["usage"] for event in outcome.caller.events if event.get("usage")]
    assert len(usages) == 1
    assert usages[0]["completion_tokens"] == at + second.usage.completion
    assert usages[0]["prompt_tokens"] == pytest.approx(7, abs=3)  # blanks were not sent


def test_usage_is_told_to_nobody_who_did_not_ask(tmp_path: Path) -> None:
    outcome = one_of(tmp_path, Player(speaks(10)), Player(speaks(name="2")))
    assert_one_stream(outcome)
    assert not [event for event in outcome.caller.events if event.get("usage")]


def test_what_is_asked_for_is_the_rest(tmp_path: Path) -> None:
    two = Player(speaks(name="2"))
    one_of(tmp_path, Player(speaks(9)), two, max_tokens=100, temperature=0.5, reasoning_effort="high", user="u")
    asked = two.asked[0]
    assert asked["max_tokens"] == 91
    assert (asked["temperature"], asked["user"]) == (0.5, "u")
    assert "reasoning_effort" not in asked
    assert asked["messages"][-1] == {"role": "assistant", "content": "Hello", "reasoning": THOUGHT}
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}


def test_an_answer_may_break_off_many_times(tmp_path: Path) -> None:
    rules = RULES.replace("attempts: 2", "attempts: 9")
    one = Player(*[speaks(at) for at in (8, 3, 2)], speaks())
    two = Player(*[speaks(at, name="2") for at in (2, 0, 1)], speaks(name="2"))
    outcome = one_of(tmp_path, one, two, rules)
    assert outcome.caller.said("content") == WHOLE
    assert_one_stream(outcome)
    assert {state for _, state in outcome.attempts[:-1]} <= {"continued", "upstream_failed"}
    assert outcome.attempts[-1][1] == "complete"


def test_an_attempt_that_goes_on_and_brings_nothing_is_followed_by_another(tmp_path: Path) -> None:
    one, two = Player(speaks(9), speaks()), Player(speaks(0, name="2"))
    outcome = one_of(tmp_path, one, two)
    assert outcome.caller.said("content") == WHOLE
    assert outcome.attempts == [("one", "continued"), ("two", "upstream_failed"), ("one", "complete")]


def test_a_target_that_stalled_is_never_asked_again(tmp_path: Path) -> None:
    one, two = Player(speaks(9, how="stall")), Player(speaks(1, name="2"))
    outcome = one_of(tmp_path, one, two)
    assert len(one.asked) == 1
    assert len(two.asked) == 2
    assert outcome.caller.error["code"] == "upstream_error"
    assert b"[DONE]" not in outcome.caller.body


def test_when_nobody_is_left_the_break_is_told_with_all_attempts(tmp_path: Path) -> None:
    one, two = Player(speaks(9)), Player(speaks(0, name="2"))
    outcome = one_of(tmp_path, one, two)
    attempts = outcome.caller.error["metadata"]["attempts"]
    assert [attempt["target"].split("/")[0] for attempt in attempts] == ["one", "two", "one", "two"]
    assert outcome.records[-1].ending.final
    assert outcome.caller.said("content") in WHOLE


@pytest.mark.parametrize(
    "rules",
    [
        RULES.replace(", continue]", "]"),
        RULES.replace("defaults: {", "defaults: {mid_stream: error, "),
    ],
)
def test_without_leave_the_break_is_told(tmp_path: Path, rules: str) -> None:
    two = Player(speaks(name="2"))
    outcome = one_of(tmp_path, Player(speaks(9)), two, rules)
    assert not two.asked
    assert outcome.caller.error["code"] == "upstream_error"
    assert b"[DONE]" not in outcome.caller.body
    assert outcome.attempts == [("one", "upstream_failed")]


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
        {"structured_outputs": {"choice": ["a", "b"]}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_only_plain_text_is_gone_on_with(tmp_path: Path, fields: Json) -> None:
    two = Player(speaks(name="2"))
    outcome = one_of(tmp_path, Player(speaks(9)), two, **fields)
    assert not two.asked
    assert outcome.caller.error["code"] == "upstream_error"


TOOL = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}]}
SIGNED = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "content": "so"}


@pytest.mark.parametrize("delta", [TOOL, SIGNED, {"refusal": "no"}, {"audio": {"id": "a"}}])
def test_neither_a_tool_call_nor_sealed_reasoning_is_gone_on_with(tmp_path: Path, delta: Json) -> None:
    async def begins(body: Json, sink: Any) -> None:
        sink.on_head(200, EVENTS)
        sink.on_data(chunk({"content": "Let me see."}))
        sink.on_data(chunk(delta))
        raise ConnectionLost("cut")

    two = Player(speaks(name="2"))
    outcome = one_of(tmp_path, Player(begins), two)
    assert not two.asked
    assert outcome.caller.error["code"] == "upstream_error"


def test_a_limit_that_is_used_up_leaves_nothing_to_ask_for(tmp_path: Path) -> None:
    two = Player(speaks(name="2"))
    outcome = one_of(tmp_path, Player(speaks(9)), two, max_tokens=9)
    assert not two.asked
    assert outcome.caller.error["code"] == "upstream_error"


def texts_in_one_read(*reads: Sequence[str]) -> Any:
    async def tells(body: Json, sink: Any) -> None:
        sink.on_head(200, EVENTS)
        for texts in reads:
            sink.on_data(b"".join(chunk({"content": text}) for text in texts))
        raise ConnectionLost("cut")

    return tells


def test_what_was_said_is_known_however_it_was_cut_into_reads(tmp_path: Path) -> None:
    reads = (["a"], ["b", "c"], ["d"], ['"e"', "\\f", "g\n"], ["h"] * 2000, ["i"])

    async def goes_on(body: Json, sink: Any) -> None:
        sink.on_head(200, EVENTS)
        sink.on_data(chunk({"content": " end"}) + chunk({}, "stop") + DONE)

    two = Player(goes_on)
    outcome = one_of(tmp_path, Player(texts_in_one_read(*reads)), two)
    said = "".join(text for texts in reads for text in texts)
    assert two.asked[0]["messages"][-1]["content"] == said
    assert outcome.caller.said("content") == said + " end"


def test_the_callers_own_begun_answer_is_gone_on_with(tmp_path: Path) -> None:
    two = Player(texts_in_one_read(["x"]))
    own: list[Json] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well,"}]
    one_of(
        tmp_path,
        Player(texts_in_one_read([" then"])),
        two,
        messages=own,
        continue_final_message=True,
        add_generation_prompt=False,
    )
    assert two.asked[0]["messages"] == [own[0], {"role": "assistant", "content": "Well, then"}]
    assert orjson.dumps(two.asked[0])


def test_what_is_thought_anew_is_what_stands_behind_the_answer(tmp_path: Path) -> None:
    """The caller saw two words of another thought; the engine is told its own."""
    rules = RULES.replace("attempts: 2", "attempts: 3")
    one, two = Player(speaks(2), speaks()), Player(speaks(10, name="2"))
    outcome = one_of(tmp_path, one, two, rules)
    assert outcome.caller.said("content") == WHOLE
    assert one.asked[1]["messages"][-1]["reasoning"] == THOUGHT
    assert outcome.caller.said("reasoning") == "".join(REASONING[:2])


def test_the_end_of_a_thought_and_the_beginning_of_an_answer_may_come_in_one(tmp_path: Path) -> None:
    async def mixes(body: Json, sink: Any) -> None:
        sink.on_head(200, EVENTS)
        sink.on_data(chunk({"reasoning": "other"}) + chunk({"reasoning": " thought", "content": "yes"}))
        sink.on_data(chunk({}, "stop") + DONE)

    outcome = one_of(tmp_path, Player(speaks(1)), Player(mixes))
    assert outcome.caller.said("reasoning") == REASONING[0]
    assert outcome.caller.said("content") == "yes"
