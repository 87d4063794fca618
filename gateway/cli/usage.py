"""headrace usage: what was used, and what it cost."""

from typing import Annotated, Any

import typer

from gateway.cli.client import connect, path_of, reported
from gateway.cli.output import AsJson, show_rows

FIGURES = (
    "requests",
    "attempts",
    "errors",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced",
)


def usage(
    from_: Annotated[str | None, typer.Option("--from", help="Begin: 2026-11-01 or 2026-11-01T12:00:00Z.")] = None,
    to: Annotated[str | None, typer.Option(help="End; now, unless given.")] = None,
    group_by: Annotated[
        str, typer.Option("--group-by", "--by", help="key, team, model, provider, target, tag:NAME, day, hour.")
    ] = "model,provider",
    as_json: AsJson = False,
) -> None:
    """Requests, tokens and cost of a period (the last 30 days), grouped."""
    query = {"from": from_, "to": to, "group_by": group_by}
    with reported():
        answer = connect().get(path_of("usage"), query)
        show_rows(answer["data"], _columns(answer["data"], group_by), as_json=as_json)


def _columns(rows: list[dict[str, Any]], group_by: str) -> list[str]:
    """What it was grouped by, then the figures."""
    groups = [group.strip() for group in group_by.split(",") if group.strip()]
    named = ["key_name"] if any("key_name" in row for row in rows) else []
    return [*groups, *named, *FIGURES]
