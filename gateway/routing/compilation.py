"""Guards and routes of a validated file, compiled; what is wrong with a condition is noted at its place in the file."""

from typing import Any

from gateway.routing.conditions import NOT_READ_YET, Condition, ConditionError, compile_condition
from gateway.routing.guards import Guard, Route
from gateway.routing.problems import Mark, Path, Problem, show_path
from gateway.routing.rules import RoutingRules
from gateway.routing.source import Document


def compile_guards(document: Document, rules: RoutingRules | None, tags: tuple[str, ...]) -> tuple[Guard, ...]:
    """The file's guards. Where the schema refuses the file, its conditions are still checked for their syntax."""
    conditions = _conditions(document, "guards", tags)
    if rules is None:
        return ()
    return tuple(
        Guard(rule, conditions[i], document.mark(("guards", i)))
        for i, rule in enumerate(rules.guards)
        if i in conditions
    )


def compile_routes(document: Document, rules: RoutingRules | None, tags: tuple[str, ...]) -> tuple[Route, ...]:
    """The file's routes."""
    conditions = _conditions(document, "routes", tags)
    if rules is None:
        return ()
    return tuple(
        Route(rule, conditions[i], document.mark(("routes", i)))
        for i, rule in enumerate(rules.routes)
        if i in conditions
    )


def refuse_unenforceable(document: Document, guards: tuple[Guard, ...]) -> None:
    """A guard that can't be enforced must not be ignored: it is there for safety."""
    for index, guard in enumerate(guards):
        path: Path = ("guards", index)
        unread = sorted(guard.condition.reads & NOT_READ_YET)
        if unread:
            document.problem((*path, "when"), f"{', '.join(unread)} can't be read yet, so this guard can't be enforced")


def _conditions(document: Document, section: str, tags: tuple[str, ...]) -> dict[int, Condition]:
    """By the index of their rule; those that are wrong are left out, and noted."""
    compiled: dict[int, Condition] = {}
    rules: Any = document.data.get(section)
    declared = tags or _declared(document)
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        source = rule.get("when") if isinstance(rule, dict) else None
        if not isinstance(source, str) or not source or len(source) > 4096:
            continue
        path: Path = (section, index, "when")
        try:
            compiled[index] = compile_condition(source, declared)
        except ConditionError as error:
            document.problems.append(Problem(_place(document, path, error), show_path(path), error.message))
    return compiled


def _declared(document: Document) -> tuple[str, ...]:
    tags = document.data.get("tags")
    return tuple(tags) if isinstance(tags, dict) else ()


def _place(document: Document, path: Path, error: ConditionError) -> Mark:
    """Where in the file a fault of a condition stands, if the condition is written on one line as most are."""
    start, style = document.mark(path), document.styles.get(path, "")
    if error.line != 1 or style in ("|", ">"):
        return start
    return Mark(start.file, start.line, start.column + error.column - (0 if style else 1))
