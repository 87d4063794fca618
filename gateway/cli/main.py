"""`headrace`: the command line. One file per noun; this one puts them together."""

import typer

from gateway.cli import budgets, keys, models, providers, requests, rules, serve, targets, teams, usage

app = typer.Typer(
    name="headrace",
    help="One OpenAI-compatible endpoint in front of every model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.command("usage")(usage.usage)
for noun in (keys, teams, budgets, requests, rules, providers, models, targets):
    app.add_typer(noun.app)


def main() -> None:
    """The console command."""
    app()
