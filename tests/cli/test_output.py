"""What is printed on a terminal, where a person reads."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest

from gateway.cli.output import plain, show_record, show_rows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], str]:
    """What a call prints on a terminal that is too narrow for it."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def capture(call: Callable[[], None]) -> str:
        terminal = Terminal()
        with redirect_stdout(terminal):
            call()
        return terminal.getvalue()

    return capture


def test_on_a_terminal_an_id_is_never_cut_and_empty_columns_go(printed) -> None:
    long_id = "key_" + "0" * 100
    rows = [{"id": long_id, "name": "app", "team": None, "spent": 0.5}]
    head, row = printed(lambda: show_rows(rows, ["id", "name", "team", "spent"])).splitlines()
    assert head.split() == ["id", "name", "spent"]
    assert row.split() == [long_id, "app", "0.5"]


def test_on_a_terminal_nothing_is_said_to_be_nothing(printed) -> None:
    assert printed(lambda: show_rows([], ["id"])) == "(none)\n"


def test_on_a_terminal_a_record_is_shown_field_by_field_and_markup_is_text(printed) -> None:
    record = {"id": "k" * 60, "name": "[red]a[/red]\x1b[2J"}
    assert printed(lambda: show_record(record)) == f"id   {'k' * 60}\nname [red]a[/red]\\x1b[2J\n"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (True, "yes"),
        (0.0000047, "0.0000047"),
        (3.0, "3"),
        (0.0, "0"),
        ({"env": "prod", "x": None}, "env=prod"),
        (["a", "b"], "a,b"),
        ([], ""),
    ],
)
def test_values_are_told_in_words(value, words) -> None:
    assert plain(value) == words
