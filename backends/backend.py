"""The I/O side of an upstream: all that the gateway sees of sockets."""

from collections.abc import Mapping
from typing import Protocol

from backends.types import UpstreamRequest


class Sink(Protocol):
    """Where an exchange pushes what arrives. Plain calls; only `drain` may wait."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers are here; header names are matched without regard to case."""

    def on_data(self, data: bytes) -> None:
        """A piece of the body, decoded of transfer and content coding."""

    async def drain(self) -> None:
        """Wait while the caller reads more slowly than the upstream sends: this is all the back-pressure there is."""


class Backend(Protocol):
    """Carries out one exchange at a time per call; safe to use from many tasks."""

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Send, push the answer into the sink, return when it is whole by its own framing.

        Raises ConnectFailed when nothing was sent, ConnectionLost when the answer was cut. Cancelling it closes the
        upstream connection at once.
        """

    async def close(self) -> None:
        """Let go of every connection."""
