"""CEL conditions: names are checked at load, and so are the types as far as two made-up requests can tell."""

import pytest

from gateway.routing.conditions import ConditionError, EvaluationError, compile_condition

TAGS = ("tier", "residency")


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("true", set()),
        ("key.tags.tier == 'free'", {"key.tags"}),
        ("request.has_images && key.tags.residency != 'eu'", {"request.has_images", "key.tags"}),
        ("request.input_tokens > 30000 || request.model.startsWith('qwen')", {"request.input_tokens", "request.model"}),
        ("key.tags['tier'] in ['free', 'paid']", {"key.tags"}),
        ("request.messages.exists(m, m.role == 'system')", {"request.messages"}),
        ("has(request.metadata.x) && request.metadata.x == 'y'", {"request.metadata"}),
        ("request.headers['x-a'] == 'request.nonsense'", {"request.headers"}),
        ("request.messages[0].role == 'user'", {"request.messages"}),
        ("time.hour >= 22 || time.weekday > 5", {"time.hour", "time.weekday"}),
        ("key.team == \"a 'quoted' team.request.nope\"", {"key.team"}),
        ("load['qwen'].waiting > 10 && key.spent_fraction > 0.9", {"load", "key.spent_fraction"}),
    ],
)
def test_what_a_condition_reads_is_known_from_its_text(source: str, reads: set[str]) -> None:
    assert compile_condition(source, TAGS).reads == reads


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ("request.model ==", "syntax error: mismatched input end of the condition", 17),
        ("request.model == 'a' b", "syntax error: extraneous input 'b'", 22),
        ("'abc", "syntax error: token recognition error", 1),
        ("request.modell == 'a'", "unknown field request.modell; there are: dialect", 1),
        ("true && key.nam == 'a'", "unknown field key.nam; there are: name", 9),
        ("frob == 1", "unknown name 'frob'; there are: request, key, time, load", 1),
        ("key.tags.tir == 'a'", "the tag 'tir' is not declared", 1),
        ("true || request.tags['tir'] == 'a'", "the tag 'tir' is not declared", 9),
        ("key.tags[request.model] == 'a'", "a tag is named as .tags.NAME", 1),
        ("request == 1", "name a field: request.", 1),
        ("upper(request.model) == 'A'", "unknown function 'upper'", 0),
        ("request.model", "a condition is true or false; this is neither", 0),
        ("request.model > 1", "it can't be evaluated: No such overload", 0),
        ("request.input_tokens + 'a' == 'b'", "it can't be evaluated", 0),
        ("request.stream || request.input_tokens", "it can't be evaluated", 0),
        ("request.model.matches('(')", "it can't be evaluated", 0),
    ],
)
def test_a_condition_that_can_not_work_is_refused_at_load(source: str, message: str, column: int) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, TAGS)
    assert message in caught.value.message
    assert caught.value.column == column


def test_its_fault_is_told_at_its_place_in_the_file(faults) -> None:
    assert faults("guards:\n  - name: g\n    when: key.tags.tier == 'x'\n    deny: x\n")[0].startswith(
        "routing_rules.yaml:3:11: guards[0].when: the tag 'tier' is not declared"
    )
    assert faults("guards: [{name: g, when: 'true && frob', deny: x}]")[0].startswith("routing_rules.yaml:1:35: ")


def test_a_missing_key_of_a_map_is_an_error_of_the_one_request() -> None:
    condition = compile_condition("request.headers['x-a'] == 'b'", TAGS)
    assert condition.holds({"request": {"headers": {"x-a": "b"}}})
    with pytest.raises(EvaluationError):
        condition.holds({"request": {"headers": {}}})


def test_brackets_by_the_thousand_are_refused() -> None:
    with pytest.raises(ConditionError):
        compile_condition("(" * 2000 + "true" + ")" * 2000, TAGS)
