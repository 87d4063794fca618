"""Quantiles of a duration, of late: logarithmic buckets whose counts fade.

Relative error at most 5 % (DDSketch, Masson et al., VLDB 2019: buckets in geometric progression). Fading is forward
decay (Cormode et al., ICDE 2009): newer observations weigh more, so that nothing has to be touched as time goes by.
"""

from collections.abc import Mapping
from math import ceil, exp, log

GAMMA = 1.1
HALF_LIFE_S = 300.0
_LOG_GAMMA = log(GAMMA)
_SMALLEST_S = 1e-5
_LARGEST_S = 1e5
_RATE = log(2.0) / HALF_LIFE_S
_RESCALE_AFTER_S = 20 * HALF_LIFE_S


class Sketch:
    """Observations in seconds; the clock is an argument."""

    __slots__ = ("_buckets", "_landmark")

    def __init__(self, landmark: float) -> None:
        self._landmark = landmark
        self._buckets: dict[int, float] = {}

    def add(self, seconds: float, now: float, weight: float = 1.0) -> None:
        """Count one observation (or somebody's `weight` of them)."""
        if now - self._landmark > _RESCALE_AFTER_S:
            self._rescale(now)
        index = ceil(log(min(max(seconds, _SMALLEST_S), _LARGEST_S)) / _LOG_GAMMA)
        grown = weight * exp(_RATE * (now - self._landmark))
        self._buckets[index] = self._buckets.get(index, 0.0) + grown

    def count(self, now: float) -> float:
        """How many observations it holds, each faded by its age."""
        return sum(self._buckets.values()) * exp(-_RATE * (now - self._landmark))

    def quantiles(self, *wanted: float) -> tuple[float, ...]:
        """The quantiles (rising, from 0 to 1), in seconds. Raises ValueError when nothing was observed."""
        if not self._buckets:
            raise ValueError("nothing was observed")
        ordered = sorted(self._buckets.items())
        total = sum(weight for _, weight in ordered)
        found: list[float] = []
        running, place = 0.0, iter(ordered)
        index = ordered[0][0]
        for quantile in wanted:
            while running < quantile * total or not running:
                step = next(place, None)
                if step is None:
                    break
                index, weight = step
                running += weight
            found.append(2.0 * GAMMA**index / (GAMMA + 1.0))
        return tuple(found)

    def faded(self, now: float) -> Mapping[int, float]:
        """Buckets as they weigh now: what is told to others. Those next to nothing are left out."""
        factor = exp(-_RATE * (now - self._landmark))
        return {index: weight * factor for index, weight in self._buckets.items() if weight * factor > 0.01}

    def merge(self, buckets: Mapping[int, float], now: float) -> None:
        """Add somebody else's, as they weigh now."""
        factor = exp(_RATE * (now - self._landmark))
        for index, weight in buckets.items():
            self._buckets[index] = self._buckets.get(index, 0.0) + weight * factor

    def _rescale(self, now: float) -> None:
        """Weights grow without bound otherwise."""
        self._buckets = dict(self.faded(now))
        self._landmark = now
