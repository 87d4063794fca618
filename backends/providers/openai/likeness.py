"""Chunks of one stream are alike: all but the text is the same from one to the next.

Once a chunk is known to carry content and nothing else, so does any that differs from it in that one string: that is
seen by two comparisons, where a search for whatever else a chunk may say would read all of it several times.
"""

import re
import sys

_CONTENT = re.compile(rb'"content":\s*"')
MOST_TRIED = 4
"""Upstreams that put something new into every chunk (a padding, running counts) are given up soon."""


class Likeness:
    """What surrounds the text in one stream's chunks."""

    __slots__ = ("_after", "_before", "_left", "_shortest")

    def __init__(self) -> None:
        self._before = self._after = b""
        self._shortest = sys.maxsize  # nothing is known yet, so nothing fits
        self._left = MOST_TRIED

    def fits(self, event: bytes) -> bool:
        """Whether this is one event that differs from the known one in nothing but the text.

        A quote or a line feed in between would end the string or the event: then somebody else must look.
        """
        if len(event) <= self._shortest or not event.startswith(self._before) or not event.endswith(self._after):
            return False
        text = event[len(self._before) : -len(self._after)]
        return b'"' not in text and b"\n" not in text

    def learn(self, event: bytes) -> None:
        """Take this event as the known one: it carries content, and nothing else that matters."""
        if not self._left:
            return
        self._left -= 1
        found = _CONTENT.search(event)
        if found is None or event.count(b"data:") != 1:
            return
        end = event.find(b'"', found.end())
        if end > found.end() and b"\\" not in event[found.end() : end]:
            self._before, self._after = event[: found.end()], event[end:]
            self._shortest = len(self._before) + len(self._after)
