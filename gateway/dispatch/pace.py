"""How fast a stream comes, for the clocks that ask: the first token by the target's own history, and `min_rate`."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from backends.providers.openai.reasoning import read_wish
from backends.types import BYTES_PER_TOKEN, ChatRequest
from gateway.stats.snapshot import TargetStatistics

WINDOW_S = 10.0
"""What `min_rate` looks back over: shorter, and a pause for breath would be a slow stream."""
LOOK_EVERY_S = 2.0
FEWEST_OBSERVATIONS = 20
TIMES_P99 = 3.0
LEAST_S = 10.0
REASONING_FACTOR = 2.0
SECONDS_PER_INPUT_TOKEN = 0.0005


def learned_first_token_s(known: TargetStatistics | None, chat: ChatRequest) -> float | None:
    """`first_token: learned`; None: there is no history to learn from. docs/dispatch.md has the formula."""
    if known is None or known.observations < FEWEST_OBSERVATIONS:
        return None
    usual_s = max(TIMES_P99 * known.first_token_p99_s, LEAST_S)
    if read_wish(chat.body).wanted:
        usual_s *= REASONING_FACTOR
    return usual_s + chat.input_tokens * SECONDS_PER_INPUT_TOKEN


class Relay(Protocol):
    """What is looked at of a relay."""

    @property
    def content_events(self) -> int:
        """Events that carried text."""


class Weight:
    """Stands before a relay's `feed`, and tells from the bytes that pass how many tokens they are: providers that put a
    sentence into each event are not slow."""

    __slots__ = ("_beyond", "_events", "_feed", "_frame", "_relay")

    def __init__(self, feed: Callable[[bytes], bytes], relay: Relay) -> None:
        self._feed = feed
        self._relay = relay
        self._events = 0
        self._frame = 1 << 20
        """Bytes of the smallest event so far: nearly all of it is what surrounds a text."""
        self._beyond = 0
        """Bytes in all events beyond that."""

    def __call__(self, data: bytes) -> bytes:
        """As `feed`."""
        passed = self._feed(data)
        if passed:
            size, events = len(passed), max(self._relay.content_events - self._events, 1)
            self._events = self._relay.content_events
            self._frame = min(self._frame, size // events)
            self._beyond += size - events * self._frame
        return passed

    @property
    def tokens(self) -> float:
        """So many at least have passed."""
        return self._events + self._beyond / BYTES_PER_TOKEN


class Counted(Protocol):
    """A stream whose tokens somebody counts."""

    @property
    def tokens(self) -> float:
        """How many have come, about."""


class Pace:
    """Whether a stream that has begun keeps up `min_rate`."""

    __slots__ = ("_counted", "_least", "_marks")

    def __init__(self, least: float, counted: Counted) -> None:
        self._least = least
        self._counted = counted
        self._marks: deque[tuple[float, float]] = deque()
        """When somebody looked, and how many tokens there were."""

    def begin_anew(self) -> None:
        """What was until now is not the upstream's doing."""
        self._marks.clear()

    def is_too_slow(self, now: float) -> bool:
        """Asked every LOOK_EVERY_S."""
        marks, tokens = self._marks, self._counted.tokens
        marks.append((now, tokens))
        while len(marks) > 1 and marks[1][0] <= now - WINDOW_S:
            marks.popleft()
        since, before = marks[0]
        return now - since >= WINDOW_S and tokens - before < self._least * (now - since)
