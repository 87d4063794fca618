"""The I/O side of an upstream: all that the gateway sees of sockets."""

from collections.abc import Mapping
from typing import Protocol

from backends.types import UpstreamRequest


class Flow(Protocol):
    """The tap of one exchange's answer. Plain calls in any order and number; without effect once it is over."""

    def pause(self) -> None:
        """Read no more from the upstream. At most what one read had already brought still arrives."""

    def resume(self) -> None:
        """Read on."""


class Sink(Protocol):
    """Where an exchange pushes what arrives. Plain calls; only `drain` may wait.

    What a call raises ends the exchange: the connection is closed, and `exchange` raises the same exception.
    """

    def on_flow(self, flow: Flow) -> None:
        """The tap, from backends that push; before the head, and again if the request had to be sent anew."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers are here; header names are matched without regard to case."""

    def on_data(self, data: bytes) -> None:
        """A piece of the body, decoded of transfer and content coding.

        Backends that push call it once per read of the socket: a good moment to hand on what was gathered.
        """

    async def drain(self) -> None:
        """Wait while the caller reads more slowly than the upstream sends. Backends that push give a Flow instead."""


class Backend(Protocol):
    """Carries out one exchange at a time per call; safe to use from many tasks."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Send, push the answer into the sink, return when it is whole by its own framing.

        Raises ConnectFailed when nothing was sent, ConnectionLost when the answer was cut. Cancelling it closes the
        upstream connection at once.
        """

    async def close(self) -> None:
        """Let go of every connection."""
