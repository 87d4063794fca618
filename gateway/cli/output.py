"""How commands show things: tables on a terminal, tab-separated text in a pipe, JSON where it is asked for."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 4096

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def say_error(message: str) -> None:
    """One line on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text.assemble(("error: ", "bold red"), message))


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool = False, **more: Any) -> None:
    """A listing. `more` goes into the JSON beside the rows (the next page's cursor)."""
    if as_json:
        show_json({"data": list(rows), **more})
    elif sys.stdout.isatty():
        _print_table(rows, columns)
    else:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_in_a_cell(row.get(column)) for column in columns))


def show_record(record: Mapping[str, Any], *, as_json: bool = False) -> None:
    """One thing, field by field."""
    if as_json:
        show_json(record)
    elif sys.stdout.isatty():
        width = max((len(name) for name in record), default=0)
        for name, value in record.items():
            Console(soft_wrap=True, highlight=False).print(
                Text(name.ljust(width), "bold"), _in_a_cell(value), markup=False
            )
    else:
        for name, value in record.items():
            print(f"{name}\t{_in_a_cell(value)}")


def show_json(content: Any) -> None:
    """As it came."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def plain(value: Any) -> str:
    """A value in words: nothing for what is not there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ",".join(f"{name}={plain(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, list | tuple):
        return ",".join(plain(inner) for inner in value)
    return str(value)


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """As wide as it needs to be: an id that was folded or cut can't be copied. Columns with nothing in them go."""
    if not rows:
        Console().print("(none)")
        return
    shown = [column for column in columns if any(plain(row.get(column)) for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(column, no_wrap=True, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_in_a_cell(row.get(column))) for column in shown))
    # With a height too, else a dumb terminal would be taken to have 80 columns.
    Console(width=WIDEST, height=WIDEST).print(table, crop=False)


def _in_a_cell(value: Any) -> str:
    """One cell of a line: what would break the line, or talk to a terminal, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in plain(value))
