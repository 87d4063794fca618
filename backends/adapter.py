"""What a wire protocol must be able to do: pure verbs, no sockets, no clock.

Where the caller speaks what the upstream understands (`speaks`), bytes pass through: `parse_response` and
`stream_relay`. Everybody else is served through the common form, which is OpenAI's chat: `read` and `stream_decoder`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from backends.errors import BackendError, Refused
from backends.types import ChatRequest, Chunk, Clocks, Target, UpstreamRequest, Usage


class StreamRelay(Protocol):
    """One streamed answer on its way through: fed with the upstream's bytes in any cut, gives the caller's.

    What it has seen so far stands in its attributes; a new one is made for each attempt.
    """

    @property
    def flowing(self) -> bool:
        """Something that the caller sees has come: content, tool arguments, or reasoning."""

    @property
    def committed(self) -> bool:
        """Content or tool arguments have passed: nobody else can answer any more. Reasoning does not commit."""

    @property
    def finished(self) -> bool:
        """The upstream said why it stopped (`finish_reason`)."""

    @property
    def done(self) -> bool:
        """The terminator has been seen: nothing more is awaited."""

    @property
    def usage(self) -> Usage | None:
        """As reported so far."""

    @property
    def content_events(self) -> int:
        """Events that carried text or tool arguments: the count of last resort for a stream that was cut."""

    @property
    def error(self) -> BackendError | None:
        """An error the upstream put into the stream. Nothing that follows it is passed on."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived, return what the caller gets now. Raises BadAnswer on an event past all bounds."""

    def close(self) -> bytes:
        """The upstream ended. Returns the last bytes (the terminator), or raises ConnectionLost for a cut stream."""


class StreamDecoder(Protocol):
    """One streamed answer in the upstream's own format: fed with bytes in any cut, gives chunks in the common form.

    What it has seen so far stands in its attributes; a new one is made for each attempt.
    """

    @property
    def finished(self) -> bool:
        """The upstream said why it stopped."""

    @property
    def done(self) -> bool:
        """Nothing more is awaited."""

    @property
    def usage(self) -> Usage | None:
        """As reported so far."""

    @property
    def error(self) -> BackendError | None:
        """An error the upstream put into the stream. No chunk follows it."""

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """What has become known. Usage stays in the attribute. Raises BadAnswer on an event past all bounds."""

    def close(self) -> Sequence[Chunk]:
        """The upstream ended: what was held back. Raises `error`, or ConnectionLost for a stream that was cut."""


class WholeAnswer(Protocol):
    """A unary answer that passes through, read."""

    @property
    def body(self) -> bytes:
        """What the caller gets."""

    @property
    def usage(self) -> Usage | None:
        """As the upstream reported it; None: it did not."""


class Completion(NamedTuple):
    """A unary answer in the common form."""

    answer: dict[str, Any]
    """An object of OpenAI's chat completions; its `usage` is left to the dialect."""
    usage: Usage | None


class Adapter(Protocol):
    """A protocol's translation between the common form and its own wire format."""

    def speaks(self, dialect: str, target: Target) -> bool:
        """Whether the target understands this dialect, so that bytes pass through both ways."""

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The HTTP request that carries this chat to this target. Raises NotCarried."""

    def parse_response(self, chat: ChatRequest, body: bytes) -> WholeAnswer:
        """A whole answer that passes through. Raises BadAnswer or Refused when it is none."""

    def read(self, chat: ChatRequest, body: bytes) -> Completion:
        """A whole answer in the common form. Raises BadAnswer or Refused when it is none."""

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage of an answer too long to be held, from its last bytes."""

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """What an error answer means."""

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> StreamRelay:
        """A fresh relay for one streamed attempt whose bytes pass through.

        `resumed`: the caller has seen reasoning of an attempt that failed; this one's is swallowed up to its content.
        """

    def stream_decoder(self, chat: ChatRequest) -> StreamDecoder:
        """A fresh decoder for one streamed attempt whose answer is translated."""


class Begun(NamedTuple):
    """A plain answer that broke off, as far as the caller has it."""

    content: str
    reasoning: str
    tokens: int
    """How many were generated for it, about."""


@runtime_checkable
class Continues(Protocol):
    """An adapter with words of its own for going on with an answer; for all others prefill.py has them."""

    def continued(self, chat: ChatRequest, begun: Begun) -> ChatRequest | None:
        """The request that has an upstream go on where the answer broke off; None: it can't be asked.

        Sent without the blanks at its end, which templates and providers strip: they may come a second time.
        """
