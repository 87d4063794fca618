"""What a dialect must be able to do: read a caller's request, and say things in the caller's way. Pure.

`render` and `stream_encoder` are for answers of upstreams that speak another protocol; where the upstream speaks the
dialect itself, its bytes pass through and these are not asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from backends.types import ChatRequest, Chunk, Usage
from gateway.errors import GatewayError


class StreamEncoder(Protocol):
    """One streamed answer in the caller's dialect, from chunks in the common form."""

    def encode(self, chunks: Sequence[Chunk]) -> bytes:
        """Events for these chunks; may hold something back."""

    def close(self, usage: Usage | None) -> bytes:
        """The last events and the terminator."""


class Dialect(Protocol):
    """One way of speaking to a model."""

    name: str

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        """The caller's request. Raises InvalidRequest naming the field. Headers are found without regard to case."""

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
        """A whole answer that came in the common form."""

    def stream_encoder(self, chat: ChatRequest) -> StreamEncoder:
        """A fresh encoder for one streamed answer."""

    def render_error(self, error: GatewayError) -> bytes:
        """The error body."""

    def stream_error(self, error: GatewayError) -> bytes:
        """The event that ends a stream which broke; nothing follows it."""

    def keep_alive(self) -> bytes:
        """What is sent while a stream is silent: never content."""


class TakesForms:
    """Marks a dialect whose bodies are `multipart/form-data`; all others take JSON."""

    __slots__ = ()
