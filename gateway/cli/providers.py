"""headrace providers: who can answer, why one can't, and what one can do."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.client import Client, connect, path_of, reported
from gateway.cli.output import AsJson, show_json, show_rows

app = typer.Typer(name="providers", help="The providers of the routing file.", no_args_is_help=True)

COLUMNS = ("name", "protocol", "enabled", "reason", "endpoints", "docs")
CAPABILITIES = ("chat", "stream", "tools", "json_schema", "embeddings")
TRIED = ("capability", "state", "ms", "model", "detail")
_FINE = frozenset({"ok", "not_offered", "not_tried"})


@app.callback()
def providers() -> None:
    """The providers of the routing file: who can answer, why one can't, and what one can do."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List providers, and for each one that is disabled, why."""
    with reported():
        rows = connect().get(path_of("providers"))["data"]
        if not as_json:
            rows = [row | {"endpoints": [endpoint["endpoint"] for endpoint in row["endpoints"]]} for row in rows]
        show_rows(rows, COLUMNS, as_json=as_json)


@app.command("test")
def try_out(
    name: Annotated[str, typer.Argument(help="The provider's name in the routing file.")],
    model: Annotated[
        str | None, typer.Option(help="The model to ask. The default is the cheapest of the routing file's.")
    ] = None,
    embeddings_model: Annotated[
        str | None, typer.Option(help="The model to ask for vectors. The default is the cheapest that is known.")
    ] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help=f"Try this one only (again for more): {', '.join(CAPABILITIES)}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one small real call for each capability, and tell what came of it: ok, refused, not_done or not_offered.

    Each costs what the provider charges for a few words, and is in the ledger. Exit status 1: something did not work.
    """
    with reported():
        report = _tried(connect(), name, {"model": model, "embeddings_model": embeddings_model}, capability)
    if as_json:
        show_json(report)
    elif not report["enabled"]:
        typer.echo(f"{name} is disabled: {report['reason']}. {_link(report)}".rstrip())
    else:
        show_rows(report["capabilities"], TRIED)
        if not report["ok"]:
            typer.echo(_link(report), err=True)
    if not report["ok"]:
        raise typer.Exit(1)


def _tried(client: Client, name: str, models: Mapping[str, Any], wanted: list[str] | None) -> dict[str, Any]:
    """The chat alone first: where that does not work, nothing else is paid for. A call each: none waits long."""
    body = {field: value for field, value in models.items() if value is not None}
    report: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for capability in wanted or CAPABILITIES:
        report = client.send("POST", path_of("providers", name, "test"), {**body, "capabilities": [capability]})
        rows += report["capabilities"]
        if not wanted and rows and rows[0]["state"] == "refused":
            break
    return report | {"ok": bool(rows) and all(row["state"] in _FINE for row in rows), "capabilities": rows}


def _link(report: Mapping[str, Any]) -> str:
    return f"Its documentation: {report['docs']}" if report.get("docs") else ""
