"""headrace budgets: what is spent and reserved of every budget; and the organisation's own."""

from typing import Annotated

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.keys import BudgetPeriod, BudgetUsd, Concurrency, OnLow, Rpm, Tpm, budget_of, limits_of
from gateway.cli.output import AsJson, show_record, show_rows

app = typer.Typer(name="budgets", help="Every budget; and the organisation's own.", no_args_is_help=True)

COLUMNS = ("scope", "name", "id", "budget", "spent_usd", "reserved_usd", "resets_at")
Name = Annotated[str, typer.Argument(metavar="NAME", help="organisation; teams and keys have commands of their own.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all budgets: the organisation's, teams', keys'."""
    with reported():
        show_rows(connect().get(path_of("budgets"))["data"], COLUMNS, as_json=as_json)


@app.command()
def show(name: Name = "organisation", as_json: AsJson = False) -> None:
    """Show the organisation's limits and budget."""
    with reported():
        show_record(connect().get(path_of("budgets", name)), as_json=as_json)


@app.command("update")
@app.command("create")
def create(
    name: Name = "organisation",
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_period: BudgetPeriod = "month",
    on_low: OnLow = None,
    as_json: AsJson = False,
) -> None:
    """Set what the organisation may do, in place of what it could do before."""
    body = limits_of(rpm, tpm, concurrency) | budget_of(budget_usd, budget_period, on_low)
    with reported():
        show_record(connect().send("PUT", path_of("budgets", name), body), as_json=as_json)


@app.command()
def revoke(name: Name = "organisation", as_json: AsJson = False) -> None:
    """Take the organisation's limits and budget back; teams and keys keep their own."""
    with reported():
        show_record(connect().send("DELETE", path_of("budgets", name)), as_json=as_json)
