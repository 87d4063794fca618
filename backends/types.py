"""The values that pass between the gateway and an upstream. No behaviour beyond what a value can say of itself.

Those that are made for each request are named tuples: as immutable as a frozen dataclass, made in a third of its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


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


class ChatRequest(NamedTuple):
    """A caller's chat request: OpenAI's body parsed once, and the bytes it came as."""

    raw: bytes
    body: Mapping[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    """The caller asked for `stream_options.include_usage`."""
    plain: bool = False
    """`raw` is, to the byte, what orjson makes of `body`: no name stands twice in an object, none is escaped."""


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

    def __repr__(self) -> str:
        """Without headers and body: they hold the key and the caller's words."""
        return f"<UpstreamRequest {self.method} {self.url}{' as a stream' if self.stream else ''}>"
