"""`headrace rules`: what a routing file would do, offline. Nothing is sent, and no gateway needs to run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import rules_cases, rules_diff, rules_explain
from gateway.cli.output import AsJson
from gateway.cli.rules_file import loaded

if TYPE_CHECKING:
    from gateway.routing.table import RoutingTable

app = typer.Typer(name="rules", no_args_is_help=True, help="Check, explain, test and compare routing files.")

app.command("explain")(rules_explain.explain)
app.command("test")(rules_cases.run_cases)
app.command("diff")(rules_diff.diff)

_File = Annotated[
    Path, typer.Argument(metavar="[FILE]", envvar="HEADRACE_RULES", show_default=True, help="The routing file.")
]


@app.command()
def check(file: _File = Path("routing_rules.yaml"), as_json: AsJson = False) -> None:
    """Check a routing file; every fault is told with line and column. Exit status 1: it would not take effect."""
    table = loaded(file, as_json=as_json)
    typer.echo(json.dumps(_summary(table), indent=2) if as_json else _told(table))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the routing file, for editors."""
    from gateway.routing.reference import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


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
