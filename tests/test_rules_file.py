"""The routing file as the parent keeps it: only a good one takes effect, however it comes."""

from pathlib import Path

import pytest
import structlog

from gateway.metrics import Metrics
from gateway.routing.problems import RulesError
from gateway.rules_file import LAST_GOOD, Loader, RulesFile

GOOD = "version: 1\nproviders: {sandbox: {}}\nmodels: {%s: {targets: [{provider: sandbox, model: m}]}}\n"


def open_rules(folder: Path) -> RulesFile:
    path = folder / "rules.yaml"
    return RulesFile(path, Loader(str(path), {}, None), folder, structlog.get_logger())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(GOOD % "one")
    return tmp_path


def test_an_unchanged_file_is_not_loaded_again(folder: Path) -> None:
    rules = open_rules(folder)
    assert not rules.reload()
    assert rules.reload(force=True)


def test_a_changed_file_takes_effect(folder: Path) -> None:
    rules = open_rules(folder)
    (folder / "rules.yaml").write_text(GOOD % "two")
    assert rules.reload()
    assert set(rules.table.models) == {"two"}


def test_a_swapped_symlink_takes_effect(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "rules.yaml").write_text(GOOD % name)
    (folder / "rules.yaml").unlink()
    (folder / "current").symlink_to(folder / "one")
    (folder / "rules.yaml").symlink_to(folder / "current" / "rules.yaml")
    rules = open_rules(folder)
    (folder / "next").symlink_to(folder / "two")
    (folder / "next").replace(folder / "current")
    assert rules.reload()
    assert set(rules.table.models) == {"two"}


def test_a_changed_include_takes_effect(folder: Path) -> None:
    (folder / "rules.yaml").write_text("include: [more.yaml]\n" + GOOD % "one")
    (folder / "more.yaml").write_text("aliases: {fast: one}\n")
    rules = open_rules(folder)
    assert not rules.reload()
    (folder / "more.yaml").write_text("aliases: {quick: one}\n")
    assert rules.reload()
    assert rules.table.resolve("quick").name == "one"


@pytest.mark.parametrize("bad", [b"version: 1\nmodles: {}\n", b"{", b"\xff\xfe", b""])
def test_a_bad_file_leaves_the_last_good_one_in_force_and_counts_once(folder: Path, bad: bytes) -> None:
    rules, metrics = open_rules(folder), Metrics()
    before = rules.table
    (folder / "rules.yaml").write_bytes(bad)
    for _ in range(3):
        assert not rules.reload()
    assert rules.table is before
    rules.observe(metrics)
    assert metrics.rules_reloads.values == {("failure",): 1}
    assert metrics.rules_ok.values == {(): 0}


def test_a_file_that_vanishes_leaves_the_last_good_one_in_force(folder: Path) -> None:
    rules = open_rules(folder)
    (folder / "rules.yaml").unlink()
    assert not rules.reload()
    assert set(rules.table.models) == {"one"}


def test_a_start_with_a_bad_file_serves_the_last_good_one(folder: Path) -> None:
    open_rules(folder)
    (folder / "rules.yaml").write_text("nonsense: true\n")
    rules = open_rules(folder)
    assert set(rules.table.models) == {"one"}
    assert "one" in (folder / LAST_GOOD).read_text()


def test_a_first_start_with_a_bad_file_is_refused_with_its_place(folder: Path) -> None:
    (folder / "rules.yaml").write_text("version: 1\nmodles: {}\n")
    with pytest.raises(RulesError) as caught:
        open_rules(folder)
    assert ":2:1:" in str(caught.value)
