"""What the connections of one worker share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.http.dataplane.clocks import Sweep
from gateway.http.dataplane.responder import DateLine
from gateway.http.dataplane.routes import DataPlaneRoutes
from gateway.http.headers import RequestIds
from gateway.http.state import HttpState

if TYPE_CHECKING:
    from gateway.http.dataplane.inbound import DataPlaneProtocol

HandOver = Callable[[asyncio.Transport, bytes, bool], None]
"""A transport, what has arrived on it, and whether it is above its high-water mark."""


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
    connections: "set[DataPlaneProtocol]" = field(default_factory=set)
