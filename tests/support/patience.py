"""Waiting in tests: poll a condition until a deadline, never sleep for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], *, within_s: float = 5.0, every_s: float = 0.02, what: str = "") -> Found:
    """Call `look` until it gives something true; what it gave last stands in the failure."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or look} did not come true within {within_s} s; last seen: {found!r}")
        time.sleep(every_s)
