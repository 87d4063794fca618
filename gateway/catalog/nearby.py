"""The known name that is most like a name nobody knows, among thousands, in a few milliseconds.

difflib alone would compare all of them, and callers may send names that nobody knows as fast as they like. So only
those are compared that share the rarest of the name's words (`gpt`, `4`, `o`, `mini`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

LONGEST = 256
_WORD = re.compile(r"[a-z]+|\d")
_COMPARED = 48
_ALIKE = 0.75
_SHORTEST = 4
"""Of a beginning that is taken for an abbreviation."""


@runtime_checkable
class KnowsNames(Protocol):
    """A catalogue that can be asked for names."""

    def models(self, provider: str) -> Sequence[str]:
        """The names of this provider's models."""

    def nearest(self, name: str, providers: Sequence[str]) -> str | None:
        """`provider/model` of one of these providers that is most like this name; None: nothing is like it."""


class NearbyNames:
    """An index of `provider/model`; asked with or without the provider."""

    def __init__(self, names: Sequence[str]) -> None:
        self._by_word: dict[str, list[str]] = {}
        self._by_model: dict[str, str] = {}
        for name in names:
            for part in (_model(name), _last(name)):
                self._by_model.setdefault(part, name)
            for word in set(_words(name)):
                self._by_word.setdefault(word, []).append(name)

    def nearest(self, name: str) -> str | None:
        """None: nothing is like it."""
        asked = name[:LONGEST].lower()
        exact = self._by_model.get(asked) or self._by_model.get(_model(asked))
        return exact or self._alike(asked)

    def _alike(self, asked: str) -> str | None:
        compared = self._compared(asked)
        by_name = {name.lower(): name for name in compared}
        if "/" not in asked:
            by_name = {_last(name): name for name in reversed(compared)}
        longer = [name for name in by_name if name.startswith(asked)]
        if longer and len(asked) >= _SHORTEST:
            return by_name[min(longer, key=len)]
        found = get_close_matches(asked, by_name, n=1, cutoff=_ALIKE)
        return by_name[found[0]] if found else None

    def _compared(self, asked: str) -> list[str]:
        """Those that have most words in common with it, a rare word weighing more than a frequent one."""
        weights: Counter[str] = Counter()
        for word in set(_words(asked)):
            sharing = self._by_word.get(word, ())
            for name in sharing:
                weights[name] += 1_000_000 // len(sharing)
        return [name for name, _ in weights.most_common(_COMPARED)]


def _words(name: str) -> list[str]:
    return _WORD.findall(name.lower())


def _model(name: str) -> str:
    """Without the provider, in lower case."""
    return name.partition("/")[2].lower()


def _last(name: str) -> str:
    """Without whoever stands before it: `qwen3-32b` of `openrouter/qwen/qwen3-32b`, in lower case."""
    return name.rpartition("/")[2].lower()
