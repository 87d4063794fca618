"""headrace requests: what the ledger knows of each recent request."""

from typing import Annotated, Any

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, show_json, show_record, show_rows

app = typer.Typer(name="requests", help="Recent requests, as the ledger has them.", no_args_is_help=True)

COLUMNS = (
    "id",
    "time",
    "key_name",
    "model",
    "target",
    "status",
    "outcome",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "error",
)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on after this page.")] = None,
    key: Annotated[str | None, typer.Option(help="Of one key (its id).")] = None,
    model: Annotated[str | None, typer.Option(help="Of one model.")] = None,
    outcome: Annotated[str | None, typer.Option(help="ok, error, broken_stream or client_closed.")] = None,
    as_json: AsJson = False,
) -> None:
    """List recent requests, the newest first."""
    with reported():
        query = {"limit": limit, "cursor": cursor, "key": key, "model": model, "outcome": outcome}
        answer = connect().get(path_of("requests"), query)
        show_rows(answer["data"], COLUMNS, as_json=as_json, next_cursor=answer["next_cursor"])


@app.command()
def show(request_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one request with each of its attempts."""
    with reported():
        found: dict[str, Any] = connect().get(path_of("requests", request_id))
        if as_json:
            show_json(found)
            return
        attempts = found.pop("attempts", None)
        show_record(found)
        if isinstance(attempts, list) and attempts:
            print()
            show_rows(attempts, list(attempts[0]))
