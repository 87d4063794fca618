"""What a dialect must be able to do: read a caller's request, and say things in the caller's way. Pure."""

from typing import Protocol

from backends.types import ChatRequest
from gateway.errors import GatewayError


class Dialect(Protocol):
    """One way of speaking to a model."""

    name: str

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request. Raises InvalidRequest naming the field."""

    def render_error(self, error: GatewayError) -> bytes:
        """The error body."""

    def stream_error(self, error: GatewayError) -> bytes:
        """The event that ends a stream which broke; nothing follows it."""

    def keep_alive(self) -> bytes:
        """What is sent while a stream is silent: never content."""
