"""What this worker and its siblings have observed of each target: first tokens, tokens after it, lengths of answers.

Siblings tell each other once a second through Redis (sharing.py); here is no input and no output.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.stats.sketch import Sketch
from gateway.stats.snapshot import NOTHING_KNOWN, Snapshot, TargetStatistics

MOST_TARGETS = 1024
MOST_LENGTHS = 4096
MOST_SEEN = 10_000
_FADE = 0.05
"""Weight of the newest answer in the mean length."""
_FEWEST = 1.0


class Ended(NamedTuple):
    """What is learned from one answer that came whole."""

    target: str
    model: str
    """Its name in the routing file."""
    key_id: str
    first_token_s: float | None
    """None: it was no stream."""
    seconds: float
    tokens: int
    counted: bool
    """The upstream counted the tokens itself."""


Told = Mapping[str, tuple[Mapping[int, float], Mapping[int, float]]]
"""Target → its first-token buckets and its per-token buckets."""


class Book:
    """One worker's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.snapshot: Snapshot = NOTHING_KNOWN
        """The newest; replaced as a whole."""
        self._clock = clock
        self._first_token: dict[str, Sketch] = {}
        self._per_token: dict[str, Sketch] = {}
        self._lengths: dict[tuple[str, str], float] = {}
        self._others: Mapping[str, Told] = {}
        self._seen: list[Ended] = []

    def saw(self, ended: Ended) -> None:
        """An answer came whole. It is taken in with others, since many at a time cost a third of each alone."""
        self._seen.append(ended)
        if len(self._seen) >= MOST_SEEN:
            self.take_in()

    def take_in(self) -> None:
        """What was seen since the last time."""
        seen, self._seen = self._seen, []
        for ended in seen:
            if ended.first_token_s is None:
                self.saw_whole(ended.target, ended.seconds, ended.tokens)
            else:
                self.saw_first_token(ended.target, ended.first_token_s)
                if ended.tokens > 1:
                    self.saw_tokens(ended.target, (ended.seconds - ended.first_token_s) / (ended.tokens - 1))
            if ended.tokens and ended.counted:
                self.saw_length(ended.model, ended.key_id, ended.tokens)

    def saw_first_token(self, target: str, seconds: float) -> None:
        """A stream's first token came so long after its request had been sent; or a whole unary answer."""
        now = self._clock()
        sketch = self._first_token.get(target)
        if sketch is None:
            sketch = self._new(self._first_token, target, now)
        sketch.add(seconds, now)

    def saw_tokens(self, target: str, seconds_each: float) -> None:
        """A stream's tokens came at this pace."""
        now = self._clock()
        sketch = self._per_token.get(target)
        if sketch is None:
            sketch = self._new(self._per_token, target, now)
        sketch.add(seconds_each, now)

    def saw_whole(self, target: str, seconds: float, tokens: int) -> None:
        """A unary answer took so long and had so many tokens.

        Where streams have told the pace, what is left of it is the first token's; else all is, which errs towards slow.
        """
        known = self.snapshot.targets.get(target)
        pace = known.per_token_s if known is not None and known.per_token_s is not None else 0.0
        self.saw_first_token(target, max(seconds - pace * tokens, 0.0))

    def saw_length(self, model: str, key_id: str, tokens: int) -> None:
        """An answer had so many tokens."""
        for place in ((model, key_id), (model, "")):
            before = self._lengths.get(place)
            if before is None and len(self._lengths) >= MOST_LENGTHS:
                self._lengths.clear()
            self._lengths[place] = tokens if before is None else before + _FADE * (tokens - before)

    def told(self) -> Told:
        """This worker's own observations, for its siblings."""
        self.take_in()
        now = self._clock()
        empty = Sketch(now)
        return {
            target: (sketch.faded(now), self._per_token.get(target, empty).faded(now))
            for target, sketch in self._first_token.items()
            if sketch.count(now) >= _FEWEST
        }

    def heard(self, others: Mapping[str, Told]) -> None:
        """The siblings' observations, by sibling, in place of what they said before."""
        self._others = others

    def refresh(self) -> None:
        """Make the snapshot anew."""
        self.take_in()
        now = self._clock()
        targets = set(self._first_token)
        for told in self._others.values():
            targets |= told.keys()
        self.snapshot = Snapshot(
            MappingProxyType({target: found for target in targets if (found := self._of(target, now)) is not None}),
            MappingProxyType(dict(self._lengths)),
            now,
        )

    def _of(self, target: str, now: float) -> TargetStatistics | None:
        first, per_token = Sketch(now), Sketch(now)
        for sketch, own in ((first, self._first_token.get(target)), (per_token, self._per_token.get(target))):
            if own is not None:
                sketch.merge(own.faded(now), now)
        for told in self._others.values():
            if target in told:
                first.merge(told[target][0], now)
                per_token.merge(told[target][1], now)
        count = first.count(now)
        if count < _FEWEST:
            return None
        p50, p95, p99 = first.quantiles(0.5, 0.95, 0.99)
        pace = per_token.quantiles(0.5)[0] if per_token.count(now) >= _FEWEST else None
        return TargetStatistics(p50, p95, p99, pace, count)

    def _new(self, sketches: dict[str, Sketch], target: str, now: float) -> Sketch:
        if len(sketches) >= MOST_TARGETS:  # callers may name any model of a provider
            sketches.clear()
        sketch = sketches[target] = Sketch(now)
        return sketch
