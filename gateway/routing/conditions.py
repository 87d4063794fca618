"""CEL conditions of guards and routes: compiled once per file, their names checked then, evaluated per request.

CEL as we have it knows no types before it runs, so each condition is also tried on two made-up requests when the
file is loaded. Which parts of a request a file reads is known from its text; only those are made for a request.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cel

REQUEST_FIELDS = frozenset(
    {
        "model",
        "input_tokens",
        "max_tokens",
        "stream",
        "has_tools",
        "has_images",
        "has_audio",
        "json_schema",
        "reasoning",
        "messages",
        "system",
        "last_user",
        "dialect",
        "user",
        "session",
        "tags",
        "headers",
        "metadata",
    }
)
KEY_FIELDS = frozenset({"name", "team", "tags", "spent_fraction"})
TIME_FIELDS = frozenset({"hour", "weekday"})
LOAD_FIELDS = frozenset({"waiting", "running", "kv_cache"})
FIELDS: Mapping[str, frozenset[str]] = {"request": REQUEST_FIELDS, "key": KEY_FIELDS, "time": TIME_FIELDS}
ROOTS = (*FIELDS, "load")

NOT_READ_YET = frozenset({"key.spent_fraction", "load"})
"""What a condition may name but nobody can tell yet."""

_FUNCTIONS = frozenset(
    {
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "bytes",
        "type",
        "dyn",
        "duration",
        "timestamp",
        "min",
        "max",
    }
)
_LITERAL = re.compile(
    r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)
_ROOT = re.compile(r"(?<![\w.])(request|key|time|load)\b(?:\s*\.\s*(\w+))?")
_TAG = re.compile(r"(?<![\w.])(?:request|key)\s*\.\s*tags\s*(?:\.\s*(\w+)|(\[))")
_QUOTED_NAME = re.compile(r"\s*(['\"])(\w+)\1\s*\]")
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_SYNTAX_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")


class ConditionError(Exception):
    """A condition that can't be used; line and column count from 1 within its text, 0 where they are not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class EvaluationError(Exception):
    """A condition failed on one request: a key that a map lacks, mostly."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, ready to be evaluated."""

    source: str
    program: Any
    reads: frozenset[str]
    """`request.model`, `key.tags`, `time.hour`, …"""

    def holds(self, context: Any) -> bool:
        """Whether it is true of a request. Raises EvaluationError."""
        try:
            result = self.program.execute(context)
        except Exception as error:
            raise EvaluationError(type(error).__name__) from error
        if result is True or result is False:
            return bool(result)
        raise EvaluationError("not a truth value")


def compile_condition(source: str, tags: Sequence[str]) -> Condition:
    """Check and compile. `tags` are those that the file declares. Raises ConditionError."""
    blanked = _LITERAL.sub(lambda match: re.sub(r"[^\n]", "_", match.group()).replace("_", '"', 1), source)
    program = _program(source)
    reads = _reads(blanked)
    _check_variables(program, blanked)
    _check_functions(program)
    _check_tags(source, blanked, tags)
    condition = Condition(source, program, reads)
    for full in (False, True):
        _try(condition, full=full, tags=tags)
    return condition


def _program(source: str) -> Any:
    try:
        return cel.compile(source)
    except ValueError as error:
        found = _SYNTAX_ERROR.search(str(error))
        if found is None:
            raise ConditionError("this is no CEL expression") from error
        line, column, message = found.groups()
        short = message.split(" expecting ", maxsplit=1)[0].replace("'<EOF>'", "end of the condition")
        raise ConditionError(f"syntax error: {short}", int(line), int(column)) from error


def _at(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _reads(blanked: str) -> frozenset[str]:
    found: set[str] = set()
    for match in _ROOT.finditer(blanked):
        root, field = match.groups()
        if root == "load":
            found.add("load")
            continue
        if field is None:
            raise ConditionError(f"name a field: {root}.{'|'.join(sorted(FIELDS[root]))}", *_at(blanked, match.start()))
        if field not in FIELDS[root]:
            message = f"unknown field {root}.{field}; there are: {', '.join(sorted(FIELDS[root]))}"
            raise ConditionError(message, *_at(blanked, match.start()))
        found.add(f"{root}.{field}")
    return frozenset(found)


def _check_variables(program: Any, blanked: str) -> None:
    unknown = set(program.variables()) - set(ROOTS) - set(_MACRO_VARIABLE.findall(blanked))
    for name in sorted(unknown):
        match = re.search(rf"(?<![\w.]){re.escape(name)}\b", blanked)
        raise ConditionError(
            f"unknown name '{name}'; there are: {', '.join(ROOTS)}", *_at(blanked, match.start() if match else 0)
        )


def _check_functions(program: Any) -> None:
    for name in program.functions():
        if name.isidentifier() and not name.startswith("_") and name not in _FUNCTIONS:
            raise ConditionError(f"unknown function '{name}'; there are: {', '.join(sorted(_FUNCTIONS))}")


def _check_tags(source: str, blanked: str, tags: Sequence[str]) -> None:
    for match in _TAG.finditer(blanked):
        name, bracket = match.groups()
        if bracket:
            quoted = _QUOTED_NAME.match(source, match.end())
            if quoted is None:
                raise ConditionError("a tag is named as .tags.NAME", *_at(blanked, match.start()))
            name = quoted.group(2)
        if name not in tags:
            message = (
                f"the tag '{name}' is not declared; declare it under 'tags', beside: {', '.join(tags) or 'none yet'}"
            )
            raise ConditionError(message, *_at(blanked, match.start()))


def _try(condition: Condition, *, full: bool, tags: Sequence[str]) -> None:
    """Evaluate on a made-up request. What a map or a list of a real request may lack is no fault of the condition."""
    try:
        result = condition.program.execute(_made_up(full=full, tags=tags))
    except (KeyError, IndexError):
        return
    except Exception as error:
        text = str(error).split(". ", maxsplit=1)[0].split("\n", maxsplit=1)[0]
        if "out of bounds" in text:
            return
        raise ConditionError(f"it can't be evaluated: {text[:200]}") from error
    if result is not True and result is not False:
        raise ConditionError("a condition is true or false; this is neither")


def _made_up(*, full: bool, tags: Sequence[str]) -> dict[str, Any]:
    word, number = ("x", 1) if full else ("", 0)
    values = dict.fromkeys(tags, word)
    some = {"x": "x"} if full else {}
    message = {"role": "user", "content": word}
    flags = ("stream", "has_tools", "has_images", "has_audio", "json_schema", "reasoning")
    words = ("model", "system", "last_user", "dialect", "user", "session")
    return {
        "request": {
            **dict.fromkeys(flags, full),
            **dict.fromkeys(words, word),
            "input_tokens": number,
            "max_tokens": number,
            "messages": [message] if full else [],
            "tags": values,
            "headers": some,
            "metadata": some,
        },
        "key": {"name": word, "team": word, "tags": values, "spent_fraction": float(number)},
        "time": {"hour": number, "weekday": 1 + number},
        "load": {},
    }
