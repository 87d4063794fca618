"""`headrace rules`: what a routing file would do, offline. Nothing is sent, and no gateway needs to run."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import AsJson
from gateway.routing.problems import RulesError

if TYPE_CHECKING:
    from gateway.routing.table import RoutingTable

app = typer.Typer(name="rules", no_args_is_help=True, help="Check the routing file, print its schema.")

_File = Annotated[
    Path, typer.Argument(metavar="[FILE]", envvar="HEADRACE_RULES", show_default=True, help="The routing file.")
]


@app.command()
def check(file: _File = Path("routing_rules.yaml"), as_json: AsJson = False) -> None:
    """Check a routing file; every fault is told with line and column. Exit status 1: it would not take effect."""
    # Here, not above: the other commands should not wait for the routing room's imports.
    from gateway.routing.table import load

    try:
        table = load(
            file.read_text(encoding="utf-8"),
            path=str(file),
            environment=os.environ,
            read_file=lambda name: Path(name).read_text(encoding="utf-8"),
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"can't be read: {reason}"
        _refuse([{"file": str(file), "message": message}], f"{file}: {message}", as_json)
    except RulesError as error:
        _refuse([_plain(problem) for problem in error.problems], str(error), as_json)
    else:
        typer.echo(json.dumps(_summary(table), indent=2) if as_json else _told(table))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the routing file, for editors."""
    from gateway.routing.reference import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _refuse(problems: list[dict[str, Any]], text: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(1)


def _plain(problem: Any) -> dict[str, Any]:
    mark = problem.mark
    return {
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "where": problem.where,
        "message": problem.message,
    }


def _summary(table: "RoutingTable") -> dict[str, Any]:
    return {
        "ok": True,
        "hash": table.hash,
        "providers": [
            {"name": state.name, "protocol": state.protocol, "enabled": state.enabled, "reason": state.reason}
            for state in table.providers.values()
        ],
        "models": [
            {
                "name": name,
                "policy": entry.policy,
                "targets": [deployment.id for deployment in entry.deployments],
                "left_out": [{"target": left.target_id, "reason": left.reason} for left in entry.rejected],
            }
            for name, entry in table.models.items()
        ],
        "notes": list(table.notes),
    }


def _told(table: "RoutingTable") -> str:
    """For people: what is there, what is missing, what has no effect."""
    lines = [f"{table.path}: ok ({table.hash})"]
    lines += [
        f"  provider {state.name}: " + ("enabled" if state.enabled else f"disabled, {state.reason}")
        for state in table.providers.values()
    ]
    for name, entry in table.models.items():
        if entry.variants:
            to = "variants " + ", ".join(variant.model for variant in entry.variants)
        else:
            to = ", ".join(deployment.id for deployment in entry.deployments) or "nobody can answer now"
        lines.append(f"  model {name} ({entry.policy}): {to}")
    lines += [f"  note: {note}" for note in table.notes]
    return "\n".join(lines)
