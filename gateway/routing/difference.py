"""What another routing file would change: the rules as they are written, and what they lead to for each model.

Values of secrets are never compared in the open: a changed key is told as changed, and nothing more.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from gateway.routing.problems import printable, show_path
from gateway.routing.table import RoutingTable

_KEYED = {"guards": "name", "routes": "name"}
_ABSENT = object()
_LONGEST = 120


class Change(NamedTuple):
    """One thing that differs."""

    kind: str
    """`added`, `removed`, `changed`, or `moved` (a rule whose place among the others is another)."""
    where: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~", "moved": "↕"}[self.kind]
        if self.kind in ("changed", "moved"):
            return f"{sign} {self.where}: {self.before} → {self.after}"
        value = self.after if self.kind == "added" else self.before
        return f"{sign} {self.where}" + (f": {value}" if value is not None else "")


def changes(old: RoutingTable, new: RoutingTable) -> list[Change]:
    """Of the rules, in the order of the file; then of the targets that each model has here and now."""
    written = _compared((), _plain(old.rules), _plain(new.rules))
    return [*written, *_order_of_rules(old, new), *_targets(old, new)]


def _plain(value: Any) -> Any:
    """Data as the file has it: only what is said, lists of named things by their name."""
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, BaseModel):
        names = {name: field.alias or name for name, field in type(value).model_fields.items()}
        said = [name for name in names if name in value.model_fields_set]
        return {names[name]: _by_name(names[name], _plain(getattr(value, name))) for name in said}
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value


def _by_name(section: str, value: Any) -> Any:
    """Of guards and routes the name tells which is which; of targets provider, model, and their count."""
    if not isinstance(value, list):
        return value
    if section in _KEYED:
        return {rule[_KEYED[section]]: rule for rule in value}
    if section == "targets":
        named: dict[str, Any] = {}
        for target in value:
            name = f"{target['provider']}/{target['model']}"
            count = sum(one == name or one.startswith(f"{name} #") for one in named)
            named[name if not count else f"{name} #{count + 1}"] = target
        return named
    return value


def _compared(path: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _compared((*path, name), old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif old is _ABSENT:
        yield Change("added", show_path(path), None, _shown(new))
    elif new is _ABSENT:
        yield Change("removed", show_path(path), _shown(old))
    elif _differ(old, new):
        yield Change("changed", show_path(path), _shown(old), _shown(new))


def _differ(old: Any, new: Any) -> bool:
    if isinstance(old, SecretStr) and isinstance(new, SecretStr):
        return old.get_secret_value() != new.get_secret_value()
    return bool(old != new)


def _shown(value: Any) -> str | None:
    if isinstance(value, SecretStr):
        return "(a secret)"
    if isinstance(value, dict):
        told = ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items())
        return printable("{" + told + "}", _LONGEST)
    if isinstance(value, list):
        return printable("[" + ", ".join(str(_shown(inner)) for inner in value) + "]", _LONGEST)
    return printable(str(value), _LONGEST)


def _order_of_rules(old: RoutingTable, new: RoutingTable) -> Iterator[Change]:
    """The first route that matches decides, so their order says something. That of guards does not."""
    before, after = ([route.rules.name for route in table.routes] for table in (old, new))
    both = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if both != now:
        yield Change("moved", "routes", ", ".join(both), ", ".join(now))


def _targets(old: RoutingTable, new: RoutingTable) -> Iterator[Change]:
    for name in dict.fromkeys((*old.models, *new.models)):
        if name in old.models and name in new.models:
            before, after = (_ids(table, name) for table in (old, new))
            if before != after:
                where = f"targets that answer for {printable(name)}"
                yield Change("changed", where, ", ".join(before) or "nobody", ", ".join(after) or "nobody")


def _ids(table: RoutingTable, model: str) -> Sequence[str]:
    return [one.id for one in table.models[model].deployments]
