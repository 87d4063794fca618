"""headrace teams: limits and budgets over all keys of a team."""

from typing import Annotated

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.keys import BudgetPeriod, BudgetUsd, Concurrency, OnLow, Rpm, Tpm, budget_of, limits_of
from gateway.cli.output import AsJson, show_record, show_rows

app = typer.Typer(name="teams", help="Limits and budgets of teams.", no_args_is_help=True)

COLUMNS = ("name", "limits", "budget", "spent_usd", "reserved_usd", "resets_at")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The team, as its keys name it.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the teams that have limits or a budget."""
    with reported():
        show_rows(connect().get(path_of("teams"))["data"], COLUMNS, as_json=as_json)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one team."""
    with reported():
        show_record(connect().get(path_of("teams", name)), as_json=as_json)


@app.command("update")
@app.command("create")
def create(
    name: Name,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_period: BudgetPeriod = "month",
    on_low: OnLow = None,
    as_json: AsJson = False,
) -> None:
    """Set what a team may do, in place of what it could do before. The same again changes nothing."""
    body = limits_of(rpm, tpm, concurrency) | budget_of(budget_usd, budget_period, on_low)
    with reported():
        show_record(connect().send("PUT", path_of("teams", name), body), as_json=as_json)


@app.command()
def revoke(name: Name, as_json: AsJson = False) -> None:
    """Take a team's limits and its budget back; its keys keep their own."""
    with reported():
        show_record(connect().send("DELETE", path_of("teams", name)), as_json=as_json)
