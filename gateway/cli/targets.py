"""headrace targets: each model at each endpoint."""

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, show_rows

app = typer.Typer(name="targets", help="The targets: a model at an endpoint of a provider.", no_args_is_help=True)

COLUMNS = ("id", "model", "state", "priority", "weight", "price", "context_window", "reason")


@app.callback()
def targets() -> None:
    """The targets: a model at an endpoint of a provider."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List targets with their price and place in the order, and for each one that is left out, why."""
    with reported():
        show_rows(connect().get(path_of("targets"))["data"], COLUMNS, as_json=as_json)
