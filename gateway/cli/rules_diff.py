"""`headrace rules diff OLD NEW`: which providers, models, policies and rules change between two routing files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import AsJson
from gateway.cli.rules_file import loaded


def diff(
    old: Annotated[Path, typer.Argument(help="The routing file as it is.")],
    new: Annotated[Path, typer.Argument(help="As it would be.")],
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit status 1 if they differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two routing files; both must load."""
    from gateway.routing.difference import changes

    before, after = loaded(old, as_json=as_json), loaded(new, as_json=as_json)
    found = changes(before, after)
    if as_json:
        told = {"old": before.hash, "new": after.hash, "changes": [change._asdict() for change in found]}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(map(str, found)) or "no difference")
    if found and exit_code:
        raise typer.Exit(1)
