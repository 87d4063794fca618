"""headrace models: what applications may ask for."""

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, show_rows

app = typer.Typer(name="models", help="The models that applications may ask for.", no_args_is_help=True)

COLUMNS = ("name", "aliases", "policy", "targets", "context_window")


@app.callback()
def models() -> None:
    """The models that applications may ask for."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List models with their aliases and targets."""
    with reported():
        show_rows(connect().get(path_of("models"))["data"], COLUMNS, as_json=as_json)
