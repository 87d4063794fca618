"""`headrace rules test CASES.yaml`: requests, and what is expected of the routing file for each."""

import json
import random
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.output import AsJson
from gateway.cli.rules_file import loaded, read_data, refuse


def run_cases(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="A file of cases (docs/routing.md).")],
    rules: Annotated[
        Path | None, typer.Option(help="The routing file; else the one that the cases name, or the one beside them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the cases; exit status 1 if one does not come out as expected."""
    from gateway.routing.cases import BadCases, read_cases, run_case

    try:
        read = read_cases(read_data(cases))
    except BadCases as error:
        refuse([{"file": str(cases), "message": str(error)}], f"{cases}: {error}", as_json=as_json)
        raise
    file = rules or cases.parent / (read.rules or "routing_rules.yaml")
    table = loaded(file, as_json=as_json, environment=read.environment)
    results: list[dict[str, Any]] = [
        {"name": case.name, "problems": run_case(table, case, random.Random(0).random)}  # noqa: S311 - the same each time
        for case in read.cases
    ]
    failed = [one for one in results if one["problems"]]
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "rules": table.hash, "cases": results}, indent=2))
    else:
        for one in results:
            typer.echo(f"{'failed' if one['problems'] else 'ok    '} {one['name']}")
            for problem in one["problems"]:
                typer.echo(f"         {problem}")
        typer.echo(f"{len(results) - len(failed)} of {len(results)} cases passed ({table.path}, {table.hash})")
    if failed:
        raise typer.Exit(1)
