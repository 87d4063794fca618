"""Attempts to meter."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from backends.types import Usage
from gateway.catalog.prices import Price
from gateway.metering.records import AttemptStart, Ending, EndState

NOON = (time.time() // 86_400 - 1) * 86_400 + 43_200
"""Of yesterday, UTC: recent enough for Redis to keep it."""
PRICE = Price(100_000_000, 300_000_000, cached_input=10_000_000, version="test")


async def until(condition: Callable[[], Any], within_s: float = 5.0) -> None:
    """Wait for what another task, or another process, brings about."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def start(which: int = 1, /, *, key: str = "key_a", request: str | None = None, **changed: Any) -> AttemptStart:
    request_id = request or f"req-{which}"
    tags: Mapping[str, str] = {"env": "prod"}
    given: dict[str, Any] = {
        "attempt_id": f"{request_id}-1",
        "request_id": request_id,
        "number": 1,
        "at": NOON,
        "key_id": key,
        "key_name": f"name of {key}",
        "team": "search",
        "tags": tags,
        "dialect": "openai",
        "model": "qwen3-30b-a3b",
        "provider": "qwen",
        "target": "qwen/qwen3-30b-a3b@10.0.0.1:8000",
        "upstream_model": "qwen3-30b-a3b",
        "stream": False,
        "price": PRICE,
        "rules_hash": "0123456789ab",
        "input_estimate": 40,
        "output_bound": 400,
    }
    return AttemptStart(**{**given, **changed})


def complete(input_: int = 10, output: int = 5, **changed: Any) -> Ending:
    given: dict[str, Any] = {
        "state": EndState.COMPLETE,
        "status": 200,
        "final": True,
        "usage": Usage(input=input_, output=output),
        "duration_s": 0.5,
    }
    return Ending(**{**given, **changed})
