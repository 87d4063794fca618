"""headrace keys: the keys of applications."""

from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.client import CommandFailed, connect, path_of, reported
from gateway.cli.output import AsJson, show_record, show_rows
from gateway.config import parse_duration

app = typer.Typer(name="keys", help="The keys of applications.", no_args_is_help=True)

COLUMNS = ("id", "name", "status", "team", "models", "tags", "expires_at", "last_four", "created_at")
CLEARABLE = ("team", "tags", "models", "expires_at", "allowed_cidrs", "limits", "budget", "unknown_price", "priority")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id (key_...).")]
Team = Annotated[str | None, typer.Option(help="The team it belongs to.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "--tags", help="NAME=VALUE, may be repeated.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", "--models", help="A model or a pattern such as 'qwen3-*', repeatable.")
]
ExpiresAt = Annotated[str | None, typer.Option(help="When it ends: 2026-12-31T23:59:59Z.")]
Cidrs = Annotated[
    list[str] | None,
    typer.Option("--allowed-cidr", "--allowed-cidrs", help="A network it may be used from, repeatable."),
]
Rpm = Annotated[int | None, typer.Option(help="Requests per minute.")]
Tpm = Annotated[int | None, typer.Option(help="Tokens per minute.")]
Concurrency = Annotated[int | None, typer.Option(help="Requests in flight.")]
BudgetUsd = Annotated[str | None, typer.Option(help="What it may spend, in US dollars.")]
BudgetPeriod = Annotated[str, typer.Option(help="day, week, month or total.")]
OnLow = Annotated[str | None, typer.Option(help="When the budget runs low: reject or lower.")]
UnknownPrice = Annotated[str | None, typer.Option(help="Models without a known price: refuse or allow.")]
Priority = Annotated[int | None, typer.Option(help="Its rank when not all can be served.")]


@app.command()
def create(
    name: Annotated[str | None, typer.Argument(help="What the key is for.")] = None,
    named: Annotated[str | None, typer.Option("--name", help="The same, as an option.")] = None,
    team: Team = None,
    tag: Tags = None,
    model: Models = None,
    expires_at: ExpiresAt = None,
    allowed_cidr: Cidrs = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_period: BudgetPeriod = "month",
    on_low: OnLow = None,
    unknown_price: UnknownPrice = None,
    priority: Priority = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Not usable until it is enabled.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown here and never again."""
    if (name is None) == (named is None):
        raise typer.BadParameter("give one name", param_hint="NAME")
    body = _fields(team, tag, model, expires_at, allowed_cidr, unknown_price, priority)
    body |= limits_of(rpm, tpm, concurrency) | budget_of(budget_usd, budget_period, on_low)
    body |= {"name": name or named} | ({"disabled": True} if disabled else {})
    with reported():
        _show_secret(connect().send("POST", path_of("keys"), body), as_json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """List keys, the newest first."""
    with reported():
        client = connect()
        rows: list[dict[str, Any]] = []
        cursor = None
        while len(rows) < limit:
            query = {"limit": min(500, limit - len(rows)), "cursor": cursor}
            answer = client.get(path_of("keys"), query)
            rows += answer["data"]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        show_rows(rows, COLUMNS, as_json=as_json, next_cursor=cursor)


@app.command()
def show(key_id: KeyId, as_json: AsJson = False) -> None:
    """Show one key."""
    with reported():
        show_record(connect().get(path_of("keys", key_id)), as_json=as_json)


@app.command()
def update(
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    team: Team = None,
    tag: Tags = None,
    model: Models = None,
    expires_at: ExpiresAt = None,
    allowed_cidr: Cidrs = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_period: BudgetPeriod = "month",
    on_low: OnLow = None,
    unknown_price: UnknownPrice = None,
    priority: Priority = None,
    disabled: Annotated[bool | None, typer.Option("--disabled/--enabled", help="Whether it may be used.")] = None,
    clear: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help=f"Take a field back: {', '.join(CLEARABLE)}. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a key. What is not named stays; a list that is named replaces the old one."""
    body = _fields(team, tag, model, expires_at, allowed_cidr, unknown_price, priority)
    body |= limits_of(rpm, tpm, concurrency) | budget_of(budget_usd, budget_period, on_low)
    body |= {name_: value for name_, value in (("name", name), ("disabled", disabled)) if value is not None}
    for field in clear or []:
        if field.replace("-", "_") not in CLEARABLE:
            raise typer.BadParameter(f"allowed: {', '.join(CLEARABLE)}", param_hint="--clear")
        body[field.replace("-", "_")] = None
    if not body:
        raise typer.BadParameter("name something to change")
    with reported():
        show_record(connect().send("PATCH", path_of("keys", key_id), body), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """End a key for good."""
    with reported():
        show_record(connect().send("DELETE", path_of("keys", key_id)), as_json=as_json)


@app.command()
def rotate(
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old secret stays valid: 30s, 10m, 24h.")] = "0s",
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret. It is shown here and never again."""
    try:
        parse_duration(grace)
    except ValueError:
        raise typer.BadParameter("a duration such as 30s, 10m or 24h", param_hint="--grace") from None
    with reported():
        _show_secret(connect().send("POST", path_of("keys", key_id, "rotate"), {"grace": grace}), as_json)


def _show_secret(record: dict[str, Any], as_json: bool) -> None:
    if "key" not in record:
        raise CommandFailed("The gateway answered without a key.")
    show_record(
        {name: value for name, value in record.items() if as_json or value not in (None, [], {})}, as_json=as_json
    )
    Console(stderr=True, soft_wrap=True).print("The key is shown this once; only its hash is kept.", style="yellow")


def _fields(
    team: str | None,
    tags: list[str] | None,
    models: list[str] | None,
    expires_at: str | None,
    cidrs: list[str] | None,
    unknown_price: str | None,
    priority: int | None,
) -> dict[str, Any]:
    """Those that were given, as the admin API takes them."""
    fields = {
        "team": team,
        "tags": _tags(tags) if tags else None,
        "models": _listed(models) if models else None,
        "expires_at": expires_at,
        "allowed_cidrs": _listed(cidrs) if cidrs else None,
        "unknown_price": unknown_price,
        "priority": priority,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _listed(values: list[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _tags(values: list[str]) -> dict[str, str]:
    tags = {}
    for pair in _listed(values):
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter("a tag is NAME=VALUE", param_hint="--tag")
        tags[name] = value
    return tags


def limits_of(rpm: int | None, tpm: int | None, concurrency: int | None) -> dict[str, Any]:
    """Those that were given, as the admin API takes them."""
    limits = {"rpm": rpm, "tpm": tpm, "concurrency": concurrency}
    given = {name: value for name, value in limits.items() if value is not None}
    return {"limits": given} if given else {}


def budget_of(usd: str | None, period: str, on_low: str | None) -> dict[str, Any]:
    """The same for money."""
    if usd is None:
        if on_low is not None:
            raise typer.BadParameter("of use with --budget-usd alone", param_hint="--on-low")
        return {}
    return {"budget": {"usd": usd, "period": period} | ({"on_low": on_low} if on_low else {})}
