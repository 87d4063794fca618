"""What a caller asks of the gateway itself, in `x-headrace-...` headers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.config import parse_duration
from gateway.errors import InvalidRequest

_NO_TAGS: Mapping[str, str] = {}


class Wishes(NamedTuple):
    """One request's."""

    patience_s: float | None = None
    """`x-headrace-timeout: 20s`: the whole request, in place of longer clocks."""
    tags: Mapping[str, str] = _NO_TAGS
    """`x-headrace-tags: team=search,env=prod`: those that the routing file declares, with a value it allows. Usage is
    counted by them, so no caller can make up new ones."""
    ignored: tuple[str, ...] = ()
    """What could not be honoured, by name."""
    explain: bool = False
    """`x-headrace-explain: 1`: the decision, in the answer's head."""


NONE = Wishes()
_YES = frozenset({"1", "true", "yes"})


def read_wishes(headers: Mapping[str, str], declared: Mapping[str, Sequence[str]]) -> Wishes:
    """Raises InvalidRequest for a time that is none."""
    patience, tags = headers.get("x-headrace-timeout"), headers.get("x-headrace-tags")
    explain = headers.get("x-headrace-explain")
    if patience is None and tags is None and explain is None:
        return NONE
    counted, ignored = _tags(tags or "", declared)
    seconds = None if patience is None else _seconds(patience)
    return Wishes(seconds, counted, ignored, explain is not None and explain.strip().lower() in _YES)


def _seconds(text: str) -> float:
    try:
        seconds = float(parse_duration(text))
    except ValueError as error:
        raise InvalidRequest("A time has a unit: 250ms, 2s, 10m.", param="x-headrace-timeout") from error
    if seconds <= 0:
        raise InvalidRequest("A request needs some time.", param="x-headrace-timeout")
    return seconds


def _tags(text: str, declared: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    counted: dict[str, str] = {}
    ignored = False
    for pair in text.split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        if value in declared.get(name, ()):
            counted[name] = value
        elif pair.strip():
            ignored = True
    return counted, ("x-headrace-tags",) if ignored else ()
