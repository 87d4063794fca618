"""`headrace rules explain FILE.json`: what would be done with a request, and why. Nothing is sent."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.client import connect, reported
from gateway.cli.output import AsJson
from gateway.cli.rules_file import loaded, read_data, refuse

if TYPE_CHECKING:
    from gateway.routing.cases import Case

_WRAPPED = frozenset({"request", "key", "headers", "provider", "dialect", "time", "input_tokens", "name", "expect"})


def explain(
    file: Annotated[Path, typer.Argument(help="A chat body, or a case of `rules test`, in JSON or YAML.")],
    rules: Annotated[Path, typer.Option(envvar="HEADRACE_RULES", help="The routing file.")] = Path(
        "routing_rules.yaml"
    ),
    tag: Annotated[list[str] | None, typer.Option(help="A tag of the key that asks: NAME=VALUE.")] = None,
    team: Annotated[str | None, typer.Option(help="The key's team.")] = None,
    live: Annotated[bool, typer.Option(help="Ask the running gateway, with its statistics and circuits.")] = False,
    as_json: AsJson = False,
) -> None:
    """Explain a decision: the rule that matched, who is tried at what expected cost, and why others are not."""
    data = read_data(file)
    if not isinstance(data, dict):
        refuse([], f"{file}: a chat body is a mapping")
    told = _asked_live(data) if live else _offline(data, rules, _tags(tag), team)
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False) if as_json else in_words(told))
    if told.get("denied"):
        raise typer.Exit(1)


def _offline(data: dict[str, Any], rules: Path, tags: Mapping[str, str], team: str | None) -> dict[str, Any]:
    from gateway.errors import GatewayError
    from gateway.routing.cases import asking_of, chat_of
    from gateway.routing.explain import Explainer

    table = loaded(rules)
    case = _case(data)
    key = case.key.model_copy(update={"tags": {**case.key.tags, **tags}, "team": team or case.key.team})
    chat = chat_of(case.request, case.dialect, case.input_tokens)
    asked = asking_of(key, case.provider, case.headers)
    dice = random.Random(0).random  # noqa: S311 - so that the same question has the same answer
    try:
        return Explainer(table, operator=True).dry_run(chat, asked, dice, dialect=case.dialect)
    except GatewayError as error:
        refuse([], f"{error.message} ({error.code})")
        raise


def _case(data: dict[str, Any]) -> "Case":
    """A whole case, or a body alone."""
    from gateway.routing.cases import BadCases, read_cases

    whole = {**data} if isinstance(data.get("request"), dict) and set(data) <= _WRAPPED else {"request": data}
    try:
        return read_cases({"cases": [{"name": "this", "expect": {}, **whole}]}).cases[0]
    except BadCases as error:
        refuse([], str(error))
        raise


def _asked_live(data: dict[str, Any]) -> dict[str, Any]:
    body = data["request"] if isinstance(data.get("request"), dict) else data
    with reported():
        told: dict[str, Any] = connect().send("POST", "/v1/route", body)
    return told


def _tags(pairs: list[str] | None) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter("a tag is NAME=VALUE", param_hint="--tag")
        tags[name] = value
    return tags


def in_words(told: Mapping[str, Any]) -> str:
    """For people."""
    lines = [f"model      {told['model']}" + (f" → {told['decided']}" if told["decided"] != told["model"] else "")]
    denied = told.get("denied")
    if denied:
        lines.append(f"denied     {denied['status']} {denied['code']}: {denied['message']}")
    route = told.get("route")
    if route is not None:
        lines.append(f"route      {route['name']} (line {route['line']})")
    lines += [f"guard      {guard['name']} (line {guard['line']})" for guard in told.get("guards", ())]
    if told.get("policy"):
        lines.append(f"policy     {told['policy']['name']} ({told['policy']['objective']})")
    if told["needs"]:
        lines.append(f"needs      {', '.join(told['needs'])}")
    lines += [f"{place}. {_in_words(one)}" for place, one in enumerate(told["candidates"], 1)]
    lines += [f"   not {one['target']}: {one['reason']}" for one in told["rejected"]]
    lines += [f"{kind:10} {', '.join(models)}" for kind, models in told.get("fallbacks", {}).items() if models]
    if told.get("ignored"):
        lines.append(f"ignored    {', '.join(told['ignored'])}")
    return "\n".join(lines)


def _in_words(one: Mapping[str, Any]) -> str:
    usd, seconds = one["expected_usd"], one["expected_seconds"]
    cost = "price unknown" if usd is None else f"about ${usd:.6f}"
    time = "no history" if seconds is None else f"about {seconds:g} s"
    return f"{one['target']}  {cost}, {time}"
