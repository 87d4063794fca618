"""The values that pass between the gateway and an upstream. No behaviour beyond what a value can say of itself.

Those that are made for each request are named tuples: as immutable as a frozen dataclass, made in a third of its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Usage(NamedTuple):
    """Token counts of one attempt, in classes that never overlap: their sum is all that was processed.

    OpenAI's `prompt_tokens` is `input + cache_read_input + cache_creation_input`; its `completion_tokens` is
    `output + reasoning` (https://platform.openai.com/docs/api-reference/chat/object).
    """

    input: int = 0
    cache_read_input: int = 0
    cache_creation_input: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All that was read."""
        return self.input + self.cache_read_input + self.cache_creation_input

    @property
    def completion(self) -> int:
        """All that was written."""
        return self.output + self.reasoning


Chunk = dict[str, Any]
"""A piece of a streamed answer in the common form: the `data` object of one chunk of OpenAI's chat completions."""


class ChatRequest(NamedTuple):
    """A caller's request: parsed once into the common form, and the bytes it came as.

    The common form of a chat is OpenAI's chat body, whatever the caller speaks; other routes keep their own.
    """

    raw: bytes
    """As the caller wrote it, in the dialect named below."""
    body: Mapping[str, Any]
    """In the common form."""
    model: str
    stream: bool
    wants_usage: bool
    """The caller asked for `stream_options.include_usage`."""
    plain: bool = False
    """`raw` is, to the byte, what orjson makes of `body`: no name stands twice in an object, none is escaped."""
    dialect: str = "openai_chat"
    """What `raw` is written in (a Dialect's name)."""
    native: Mapping[str, Any] | None = None
    """`raw`, parsed, where the dialect is not OpenAI's chat and `body` is a translation of it."""
    headers: Mapping[str, str] = _NO_HEADERS
    """Of the caller's headers those that the dialect itself defines (`anthropic-beta`), names in lower case."""
    created: int = 0
    """Epoch seconds, for an answer that must bear a date and comes without one; set where an answer is translated."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider differs from the protocol's inventor. What is set, is set in a row of providers/compatible.py."""

    dialects: frozenset[str] = frozenset()
    """Dialects that it understands besides its protocol's own (`openai_responses`, say)."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long each phase of one attempt may take, in seconds (CONTRACT: `timeouts`)."""

    connect_s: float = 2.0
    first_token_s: float = 60.0
    between_tokens_s: float = 30.0
    answer_s: float = 300.0
    total_s: float = 600.0
    stream_total_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes: a model at one endpoint of one provider, with what it takes to speak to it."""

    provider: str
    protocol: str
    model: str
    """The upstream's own name of the model."""
    base_url: str
    endpoint: str
    """host:port, as operators see it."""
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    quirks: Quirks = field(default=Quirks(), repr=False)
    id: str = field(init=False, repr=False, compare=False)
    """`provider/model@endpoint`, the name in headers, ledger and metrics."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.provider}/{self.model}@{self.endpoint}")


class UpstreamRequest(NamedTuple):
    """One HTTP request to an upstream, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    stream: bool
    connect_timeout_s: float
    dropped: tuple[str, ...] = ()
    """Fields of the caller's that this target can't honour and that were left out; the caller is told."""

    def __repr__(self) -> str:
        """Without headers and body: they hold the key and the caller's words."""
        return f"<UpstreamRequest {self.method} {self.url}{' as a stream' if self.stream else ''}>"
