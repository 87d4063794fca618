"""Structured logs on stderr: JSON, or coloured lines on a terminal. No prompt, completion or key ever goes in."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog


def configure(style: str, level: str) -> None:
    """Set structlog up, once per process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if style == "console":
        ending: list[structlog.types.Processor] = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    else:
        ending = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
        ]
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def log_style(given: str | None) -> str:
    """`console` or `json`: as given, else by whether a person is looking."""
    return given or ("console" if sys.stderr.isatty() else "json")


def get(room: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that names the room it speaks for. Making one is dear: a hot path keeps it."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(room=room)
    return logger


class OncePerMinute:
    """Says for each of a few things whether it may be logged now: what happens with every request is told rarely."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def may_say(self, what: str) -> bool:
        """True at most once a minute for each `what`; callers name things from the configuration, never a caller's."""
        now = self._clock()
        if now - self._said.get(what, float("-inf")) < 60.0:
            return False
        self._said[what] = now
        return True
