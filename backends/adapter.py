"""What a wire protocol must be able to do: four pure verbs, no sockets, no clock."""

from collections.abc import Mapping
from typing import Protocol

from backends.errors import BackendError, Refused
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class StreamRelay(Protocol):
    """One streamed answer on its way through: fed with the upstream's bytes in any cut, gives the caller's.

    What it has seen so far stands in its attributes; a new one is made for each attempt.
    """

    flowing: bool
    """Something that the caller sees has come: content, tool arguments, or reasoning."""
    committed: bool
    """Content or tool arguments have passed: nobody else can answer any more. Reasoning does not commit."""
    finished: bool
    """The upstream said why it stopped (`finish_reason`)."""
    done: bool
    """The terminator has been seen: nothing more is awaited."""
    usage: Usage | None
    content_events: int
    """Events that carried text or tool arguments: the count of last resort for a stream that was cut."""
    error: BackendError | None
    """An error the upstream put into the stream. Nothing that follows it is passed on."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived, return what the caller gets now. Raises BadAnswer on an event past all bounds."""

    def close(self) -> bytes:
        """The upstream ended. Returns the last bytes (the terminator), or raises ConnectionLost for a cut stream."""


class WholeAnswer(Protocol):
    """A unary answer, read."""

    @property
    def body(self) -> bytes:
        """What the caller gets."""

    @property
    def usage(self) -> Usage | None:
        """As the upstream reported it; None: it did not."""


class Adapter(Protocol):
    """A protocol's translation between OpenAI's chat and its own wire format."""

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The HTTP request that carries this chat to this target."""

    def parse_response(self, body: bytes) -> WholeAnswer:
        """A whole answer for the caller. Raises BadAnswer or Refused when it is none."""

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage of an answer too long to be held, from its last bytes."""

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """What an error answer means."""

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> StreamRelay:
        """A fresh relay for one streamed attempt.

        `resumed`: the caller has seen reasoning of an attempt that failed; this one's is swallowed up to its content.
        """
