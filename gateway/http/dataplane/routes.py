"""Which requests are ours: decided on the raw bytes of a request line, before any parser has seen them.

Only what stands here literally is ours. A path with anything to decode, an absolute URL, another method: aiohttp's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.dialects.base import Dialect

_LINE: Final = re.compile(rb"POST (/[^ ?#\r\n]*)[ ?]")
_UNFINISHED: Final = re.compile(rb"POST (/[^ ?#\r\n]*)?|P|PO|POS|POST|\r", re.DOTALL)
_LONGEST_PATH: Final = 256
_PROVIDER: Final = rb"([A-Za-z0-9._~-]{1,64})"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: the route brings the dialect."""

    path: str
    dialect: Dialect
    provider: str | None = None
    """The provider that the path pins."""


class DataPlaneRoutes:
    """Paths, as aiohttp's router writes them, that are served here. `{provider}` stands for one segment."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._exact = {
            path.encode("ascii"): Route(path, dialect) for path, dialect in dialects.items() if "{" not in path
        }
        self._patterns = [
            (re.compile(re.escape(path.encode("ascii")).replace(rb"\{provider\}", _PROVIDER)), dialect)
            for path, dialect in dialects.items()
            if "{provider}" in path
        ]

    def find(self, data: bytes) -> Route | None:
        """The route of the request that these bytes begin; None: not ours, or too little to tell (`undecided`)."""
        if data.startswith(b"POST "):
            route = self._exact.get(data[5 : data.find(b" ", 5)])
            if route is not None:
                return route
        line = _LINE.match(data)
        if line is None:
            return None
        path = line[1]
        route = self._exact.get(path)
        if route is None:
            for pattern, dialect in self._patterns:
                if (found := pattern.fullmatch(path)) is not None:
                    return Route(path.decode("ascii"), dialect, found[1].decode("ascii"))
        return route

    def undecided(self, data: bytes) -> bool:
        """Whether more bytes might make this a request of ours."""
        return len(data) <= _LONGEST_PATH and _UNFINISHED.fullmatch(data) is not None
