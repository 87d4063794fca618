"""Structured logs on stderr: JSON, or coloured lines on a terminal. No prompt, completion or key ever goes in."""

import logging
import sys

import structlog


def configure(style: str, level: str) -> None:
    """Set structlog up once per process; the library loggers that matter speak through it at warning."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if style == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(room: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that names the room it speaks for."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
