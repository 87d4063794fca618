"""Nothing is lost without a word, and the page says what the code does."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.conformance.cells import State
from tests.conformance.marks import at, holds, number, there, values
from tests.conformance.matrix import cell_at, places
from tests.conformance.upstream_table import UPSTREAMS

ROOT = Path(__file__).resolve().parents[2]
PAIRS = sorted({(place.dialect, place.upstream.name) for place in places()})


@pytest.mark.parametrize(("dialect", "upstream"), PAIRS)
def test_no_feature_is_lost_without_a_word(dialect: str, upstream: str) -> None:
    lost = {}
    for place in places():
        if (place.dialect, place.upstream.name) == (dialect, upstream):
            cell = cell_at(place)
            if cell.state is State.LOST:
                lost[repr(place)] = cell.why
    assert not lost


def test_every_dialect_meets_every_protocol() -> None:
    assert len(PAIRS) == 3 * len(UPSTREAMS)


def test_the_conformance_page_is_current() -> None:
    script = _script()
    told = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert told == script.page(script.replay_section(told)), "run python scripts/conformance.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", ROOT / "scripts" / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_marks_find_values_in_lists_and_objects() -> None:
    body = {"a": [{"b": "one two"}, {"b": 3}], "c": {}}
    assert values(body, "a.*.b") == ["one two", 3]
    assert holds("a.*.b", "two")(body)
    assert number("a.1.b", 3)(body)
    assert not there("c")(body)
    assert not at("a.*.b", "one")(body)
