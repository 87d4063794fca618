"""headrace targets: each model at each endpoint."""

from typing import Any

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, plain, show_rows

app = typer.Typer(name="targets", help="The targets: a model at an endpoint of a provider.", no_args_is_help=True)

COLUMNS = ("id", "model", "state", "priority", "weight", "price", "context_window", "reason")


@app.callback()
def targets() -> None:
    """The targets: a model at an endpoint of a provider."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List targets with their price and place in the order, and for each one that is left out, why."""
    with reported():
        rows = connect().get(path_of("targets"))["data"]
        if not as_json:
            rows = [row | {"price": _input_and_output(row["price"])} if "price" in row else row for row in rows]
        show_rows(rows, COLUMNS, as_json=as_json)


def _input_and_output(price: dict[str, Any] | None) -> str:
    """US dollars per million tokens, in and out."""
    return "unknown" if price is None else f"{plain(price['input'])}/{plain(price['output'])}"
