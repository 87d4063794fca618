"""What a route of the sandbox gives to an exchange: a whole answer, or the events of one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

JSON = "application/json"


class Events(Protocol):
    """The events of a streamed answer: `head`, one piece of bytes per token, `tail`."""

    @property
    def head(self) -> bytes:
        """What goes out with the first piece."""

    @property
    def tail(self) -> bytes:
        """What ends the answer."""

    def tokens(self) -> Iterator[bytes]:
        """The pieces that come at the sandbox's pace."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. What bears a date is made from the epoch seconds, `created`."""

    tokens: int
    """Pieces of its stream: they take their time, streamed or not."""
    whole: Callable[[int], bytes]
    content_type: str = JSON
    events: Callable[[int], Events] | None = None
    """Where a stream was asked for."""


def of_object(made: dict[str, object], tokens: int = 0) -> Reply:
    """A whole answer without a date."""
    body = orjson.dumps(made)
    return Reply(tokens, lambda _: body)


@dataclass(frozen=True, slots=True)
class TypedEvents:
    """Events that name their type, as OpenAI's streams beside chat have them."""

    pieces: Sequence[Mapping[str, object]]
    last: Mapping[str, object]
    head: bytes = b""

    def tokens(self) -> Iterator[bytes]:
        """One event each."""
        return map(_event, self.pieces)

    @property
    def tail(self) -> bytes:
        """The event that ends the answer."""
        return _event(self.last)


def _event(said: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(said["type"]).encode(), orjson.dumps(said))
