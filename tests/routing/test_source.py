"""Text → plain data: YAML 1.2, places, includes, and files that mean harm."""

import re
import time

import pytest

from gateway.routing.problems import Mark, RulesError
from gateway.routing.source import Document, read
from gateway.routing.substitution import Substitution


def parsed(text: str) -> Document:
    document = read(text, name="f.yaml", substitution=Substitution({}, lambda name: ""))
    assert not document.problems
    return document


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "On", "NO", "y", "n", "1_000", "0777x", "12:30", "2026-11-25", "0b1"]
)
def test_words_of_yaml_1_1_are_words(word: str) -> None:
    assert parsed(f"a: {word}").data["a"] == word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ('"12"', "12"),
        ("'true'", "true"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = parsed(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_every_part_knows_its_place() -> None:
    document = parsed("a:\n  b:\n    - x\n    - {c: d}\n")
    assert document.mark(("a", "b", 1, "c")) == Mark("f.yaml", 4, 11)
    assert document.mark(("a", "b"), of_key=True) == Mark("f.yaml", 2, 3)
    assert document.mark(("a", "b", 9, "nothing")) == document.mark(("a", "b"))


def test_a_key_given_twice_is_refused_with_the_place_of_both(faults) -> None:
    assert faults("aliases: {}\nmodels: {}\naliases: {}\n") == [
        "routing_rules.yaml:3:1: aliases: this key stands here a second time (first in line 1)"
    ]


def test_a_key_that_is_no_word_is_refused(faults) -> None:
    assert "1:11: aliases: a key is a word" in faults("aliases: {1: x}")[0]


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "\ta: 1", "a: 'x", "a: *nope", "a: 1\n--- \nb: 1", "%bad", "a: !!int x: y"]
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, faults) -> None:
    problem = faults(text)[0]
    assert problem.startswith("routing_rules.yaml:")
    assert "this is not YAML" in problem


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n"])
def test_an_empty_file_is_refused_rather_than_taking_everything_away(text: str, faults) -> None:
    assert faults(text) == ["routing_rules.yaml:1:1: the file is empty"]


def test_a_file_that_is_a_list_is_refused(faults) -> None:
    assert "a routing file is a mapping" in faults("- a\n- b\n")[0]


def test_control_characters_are_refused_with_their_place(faults) -> None:
    assert faults("a: 1\nb: \x07\n") == ["routing_rules.yaml:2:4: a character that YAML does not allow"]


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!mine", "!!binary", "!!set", "!!timestamp"])
def test_tags_mean_nothing_and_are_refused(tag: str, faults) -> None:
    assert any("tags" in problem or "a mapping is needed" in problem for problem in faults(f"aliases: {tag} {{a: b}}"))
    assert any("tags" in problem for problem in faults(f"aliases: {{a: {tag} x}}"))


def test_a_nest_of_aliases_is_refused_within_a_second(faults) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    began = time.monotonic()
    problems = faults("\n".join(lines))
    assert time.monotonic() - began < 5  # a second on a quiet machine
    assert "unfold" in problems[0]


def test_a_part_that_contains_itself_is_refused(faults) -> None:
    assert any("contains it" in problem for problem in faults("models: &m {a: *m}"))
    assert any("contains it" in problem for problem in faults("models: &m [*m]"))


def test_an_alias_used_twice_is_the_same_part_twice() -> None:
    assert parsed("a: &x {k: 1}\nb: *x\n").data == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize("depth", [100, 5_000])
def test_deep_nesting_is_refused(depth: int, faults) -> None:
    assert re.search("nested more than 64 deep|maximum nesting depth", faults("a: " + "[" * depth + "]" * depth)[0])


def test_a_huge_number_is_refused_in_words(faults) -> None:
    assert any("this is no int" in problem for problem in faults("version: " + "9" * 5_000))


def test_a_byte_order_mark_is_overlooked() -> None:
    assert parsed("\ufeffa: 1").data == {"a": 1}


MAIN = """
include: ["rules.d/*.yaml"]
providers: {sandbox: {}}
aliases: {fast: m}
guards: [{name: first, when: "true", only: {providers: [sandbox]}}]
"""


def test_included_files_are_merged(load_rules) -> None:
    files = {
        "rules.d/1.yaml": "models: {m: {targets: [{provider: sandbox, model: m}]}}\n",
        "rules.d/2.yaml": 'guards: [{name: second, when: "false", deny: x}]\naliases: {slow: m}\n',
    }
    table = load_rules(MAIN, files)
    assert list(table.models) == ["m"]
    assert [guard.rules.name for guard in table.guards] == ["first", "second"]
    assert table.resolve("slow").name == table.resolve("fast").name == "m"
    assert table.files == ("rules.d/1.yaml", "rules.d/2.yaml")
    assert table.include_patterns == ("rules.d/*.yaml",)


def test_a_change_in_an_included_file_changes_the_hash(load_rules) -> None:
    one = load_rules(MAIN, {"rules.d/1.yaml": "models: {m: {targets: [{provider: sandbox, model: m}]}}"})
    two = load_rules(MAIN, {"rules.d/1.yaml": "models: {m: {targets: [{provider: sandbox, model: n}]}}"})
    assert one.hash != two.hash


def test_a_fault_in_an_included_file_names_that_file(faults) -> None:
    files = {
        "rules.d/1.yaml": "models:\n  m: {targets: [{provider: sandbx, model: m}]}\n"
        "guards:\n  - {name: x, when: 'tru', deny: x}\n"
    }
    assert faults(MAIN, files) == [
        "rules.d/1.yaml:2:28: models.m.targets[0].provider: unknown provider 'sandbx'; did you mean 'sandbox'?",
        "rules.d/1.yaml:4:22: guards[1].when: unknown name 'tru'; there are: request, key, time, load",
    ]


def test_a_name_in_two_files_is_refused(faults) -> None:
    files = {"rules.d/1.yaml": "models: {m: {targets: [{provider: sandbox, model: m}]}}\naliases: {fast: m}\n"}
    assert faults(MAIN, files) == [
        "rules.d/1.yaml:2:11: aliases.fast: this name is taken (first in routing_rules.yaml:4)"
    ]


def test_an_included_file_holds_no_defaults(faults) -> None:
    files = {"rules.d/1.yaml": "models: {m: {targets: [{provider: sandbox, model: m}]}}\ndefaults: {}\ninclude: [x]\n"}
    assert [problem.split(":")[:2] for problem in faults(MAIN, files)] == [
        ["rules.d/1.yaml", "2"],
        ["rules.d/1.yaml", "3"],
    ]


def test_an_included_file_that_is_missing_is_told_at_its_line(faults) -> None:
    assert faults("include:\n  - gone.yaml\n") == [
        "routing_rules.yaml:2:5: include[0]: gone.yaml can't be read: No such file or directory"
    ]


def test_a_file_of_megabytes_is_refused_at_once() -> None:
    with pytest.raises(RulesError, match="at most"):
        read("a: " + "x" * 5_000_000, name="f.yaml", substitution=Substitution({}, lambda name: ""))
