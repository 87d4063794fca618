"""headrace providers: who can answer, and why one can't."""

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, show_rows

app = typer.Typer(name="providers", help="The providers of the routing file.", no_args_is_help=True)

COLUMNS = ("name", "protocol", "enabled", "reason", "endpoints")


@app.callback()
def providers() -> None:
    """The providers of the routing file: who can answer, and why one can't."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List providers, and for each one that is disabled, why."""
    with reported():
        rows = connect().get(path_of("providers"))["data"]
        if not as_json:
            rows = [row | {"endpoints": [endpoint["endpoint"] for endpoint in row["endpoints"]]} for row in rows]
        show_rows(rows, COLUMNS, as_json=as_json)
