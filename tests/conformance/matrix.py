"""The whole matrix, and the page that shows it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.conformance import asks_messages, asks_settings, asks_tools
from tests.conformance.answers import ANSWERS, answer_cell
from tests.conformance.asks import CHAT, MESSAGES, RESPONSES
from tests.conformance.cells import Cell, State, ask_cell, dialects_spoken
from tests.conformance.round_trip import ROUND_TRIPS, round_trip_cell
from tests.conformance.upstream_table import UPSTREAMS, Upstream

ASKS = (*asks_messages.ASKS, *asks_tools.ASKS, *asks_settings.ASKS)
_TITLES = {CHAT: "OpenAI chat completions", MESSAGES: "Anthropic messages", RESPONSES: "OpenAI responses"}
_GROUPS = {
    "messages": "Asked: messages",
    "tools": "Asked: tools",
    "shape": "Asked: shape of the answer",
    "reasoning": "Asked: reasoning",
    "sampling": "Asked: sampling and limits",
    "books": "Asked: the rest",
}


class Feature(NamedTuple):
    """A row."""

    name: str
    group: str
    cell: Callable[..., Cell]
    """Of (dialect, upstream, stream=)."""


def _feature(name: str, group: str, cell: Callable[..., Cell], subject: object) -> Feature:
    return Feature(name, group, lambda dialect, upstream, *, stream: cell(subject, dialect, upstream, stream=stream))


FEATURES = (
    *(_feature(ask.name, _GROUPS[ask.group], ask_cell, ask) for ask in ASKS),
    *(_feature(answer.name, "Answered", answer_cell, answer) for answer in ANSWERS),
    *(_feature(trip.name, "Sent back", round_trip_cell, trip) for trip in ROUND_TRIPS),
)


class Place(NamedTuple):
    """Where a cell stands."""

    dialect: str
    upstream: Upstream
    feature: Feature
    stream: bool

    def __repr__(self) -> str:
        how = "streamed" if self.stream else "unary"
        return f"{self.dialect} → {self.upstream.name}: {self.feature.name} ({how})"


def places() -> Iterator[Place]:
    """Every cell of what is there."""
    for dialect in dialects_spoken():
        for upstream in UPSTREAMS:
            for feature in FEATURES:
                for stream in (False, True):
                    yield Place(dialect, upstream, feature, stream)


def cell_at(place: Place) -> Cell:
    """What becomes of this feature here."""
    return place.feature.cell(place.dialect, place.upstream, stream=place.stream)


def page() -> str:
    """The tables, one for each dialect."""
    return "\n".join(_table(dialect) for dialect in dialects_spoken())


def _table(dialect: str) -> str:
    upstreams = UPSTREAMS
    lines = [f"### {_TITLES[dialect]}\n"]
    group = ""
    for feature in FEATURES:
        cells = [_shown(dialect, upstream, feature) for upstream in upstreams]
        if set(cells) == {State.NONE.value}:
            continue
        if feature.group != group:
            group = feature.group
            lines += ["", *_head(group, upstreams)] if len(lines) > 1 else _head(group, upstreams)
        lines.append(f"| {feature.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _head(group: str, upstreams: Sequence[Upstream]) -> list[str]:
    names = " | ".join(upstream.name for upstream in upstreams)
    return [f"| {group} | {names} |", "|---" * (len(upstreams) + 1) + "|"]


def _shown(dialect: str, upstream: Upstream, feature: Feature) -> str:
    unary, streamed = (cell_at(Place(dialect, upstream, feature, stream)).state.value for stream in (False, True))
    return unary if unary == streamed else f"{unary}, streamed: {streamed}"
