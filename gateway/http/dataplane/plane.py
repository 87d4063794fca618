"""What the connections of one worker share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.http.dataplane.clocks import Sweep
from gateway.http.dataplane.responder import DateLine
from gateway.http.dataplane.routes import DataPlaneRoutes
from gateway.http.headers import RequestIds
from gateway.http.state import HttpState

HandOver = Callable[[asyncio.Transport, bytes, bool], None]
"""A transport, what has arrived on it, and whether it is above its high-water mark."""


class Member(Protocol):
    """One of the connections, as those see it who are responsible for all of them."""

    @property
    def idle(self) -> bool:
        """Nothing is to be read, answered or delivered."""

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """What answers the request under way."""

    def close_when_idle(self) -> None:
        """Close now, or with the answer under way."""

    def abandon(self) -> None:
        """Close without another word."""


@dataclass(slots=True)
class Plane:
    """Made once per worker."""

    loop: asyncio.AbstractEventLoop
    state: HttpState
    routes: DataPlaneRoutes
    ids: RequestIds
    sweep: Sweep
    date: DateLine
    hand_over: HandOver
    closing: bool = False
    """No connection outlives the answer under way."""
    leaving: set[asyncio.Task[None]] = field(default_factory=set)
    """Tasks whose callers have left, while they settle what they did."""
    connections: set[Member] = field(default_factory=set)
