"""Where a value must stand in an upstream's body: small tests of JSON that say a place in words.

`"messages.*.content.*.text"` are all values at that place; `*` stands for each entry of a list or an object.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

Mark = Callable[[Any], bool]


def values(body: Any, path: str) -> list[Any]:
    """All values at this place."""
    found = [body]
    for step in path.split("."):
        found = [inner for each in found for inner in _step(each, step)]
    return found


def _step(value: Any, step: str) -> Iterator[Any]:
    if step == "*":
        if isinstance(value, list):
            yield from value
        elif isinstance(value, dict):
            yield from value.values()
    elif isinstance(value, dict) and step in value:
        yield value[step]
    elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
        yield value[int(step)]


def at(path: str, wanted: Any) -> Mark:
    """A value at this place is just this one."""
    return lambda body: wanted in values(body, path)


def holds(path: str, words: str) -> Mark:
    """A text at this place holds these words."""
    return lambda body: any(isinstance(value, str) and words in value for value in values(body, path))


def there(path: str) -> Mark:
    """Something stands there that is neither null nor empty."""
    return lambda body: any(value not in (None, "", [], {}) for value in values(body, path))


def number(path: str, wanted: float, tolerance: float = 0.0) -> Mark:
    """A number at this place is this one."""
    return lambda body: any(
        isinstance(value, (int, float)) and abs(value - wanted) <= tolerance for value in values(body, path)
    )


def absent(path: str) -> Mark:
    """Nothing stands there."""
    return lambda body: not values(body, path)


def anywhere(words: str) -> Mark:
    """These words stand somewhere in the body."""
    return lambda body: words in json.dumps(body, ensure_ascii=False)


def both(*marks: Mark) -> Mark:
    """All of these."""
    return lambda body: all(mark(body) for mark in marks)


def either(*marks: Mark) -> Mark:
    """One of these."""
    return lambda body: any(mark(body) for mark in marks)
