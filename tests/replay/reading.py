"""What an exchange says, in terms that belong to no provider: what the independent readers give, and what our own
translators are compared with.

Nothing in here or in the readers uses the product's code: two readings that share their mistakes prove nothing.
"""

import json
from typing import Any, NamedTuple

FINISHES = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""The common form's finish reasons; there are no others."""


class Tokens(NamedTuple):
    """Token classes that never overlap, in the order of the product's Usage."""

    input: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    output: int = 0
    reasoning: int = 0


class Tool(NamedTuple):
    """One call. `id` is None where the provider gave none: then any will do, as long as it is there."""

    id: str | None
    name: str
    arguments: str


class Choice(NamedTuple):
    """One of an answer's choices."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: tuple[Tool, ...] = ()
    finish: str | None = None


class Reading(NamedTuple):
    """One answer, whole or folded from a stream."""

    choices: tuple[Choice, ...] = ()
    usages: tuple[Tokens, ...] = ()
    """Any of these is right; empty: none was reported."""
    signatures: frozenset[str] = frozenset()
    """Opaque values that have to come back with the next turn."""
    cited: bool = False
    faults: frozenset[str] = frozenset()
    """It is an error, whose fault is one of these."""
    answer_will_do: bool = False
    """An error that may as well be told as an answer (a blocked prompt)."""


def canonical(arguments: Any) -> str:
    """Arguments, so that two spellings of one object are equal. None at all is the empty object."""
    if isinstance(arguments, dict):
        value: Any = arguments
    else:
        try:
            value = json.loads(arguments or "{}")
        except ValueError:
            return str(arguments)
    return json.dumps({} if value is None else value, sort_keys=True, ensure_ascii=False)


def joined(parts: list[str]) -> str:
    """Text from its pieces."""
    return "".join(parts)
