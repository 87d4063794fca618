"""The door: all that the pipeline sees of HTTP, whichever plane stands behind it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from backends.backend import Flow
from gateway.auth.principal import Principal


class Request(NamedTuple):
    """One caller's request, its body read whole and decoded of content coding."""

    id: str
    method: str
    path: str
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    principal: Principal
    provider: str | None
    """The provider that the route pins (`/providers/{name}/v1/...`)."""
    started_at: float
    """Monotonic seconds."""

    def __repr__(self) -> str:
        return f"<Request {self.id} {self.method} {self.path}>"  # headers hold a key, the body what was asked


class ClientLeft(Exception):
    """The caller closed the connection while its answer was being written."""


class Responder(Protocol):
    """The answer's way out. `start` and `write` are plain calls that gather bytes; only `drain` and `end` may wait."""

    started: bool

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers; once."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""

    async def drain(self) -> None:
        """Hand on what was gathered; wait while the caller reads more slowly than we write. Raises ClientLeft."""

    def flush(self) -> None:
        """Hand on what was gathered without waiting."""

    def attach(self, flow: Flow | None) -> None:
        """This upstream is paused while the caller reads more slowly than we write; None: no longer."""

    async def end(self) -> None:
        """The answer is whole."""
