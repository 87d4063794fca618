"""The values that pass between the gateway and an upstream. No behaviour beyond what a value can say of itself.

Those that are made for each request are named tuples: as immutable as a frozen dataclass, made in a third of its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

BYTES_PER_TOKEN = 4
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


class AnswerKind(StrEnum):
    """What comes back: what can be told from its length where the upstream counts nothing, and whether it is held."""

    TEXT = "text"
    """Written by a model: so long an answer, so many tokens."""
    TRANSCRIPT = "transcript"
    """The same, and it may be plain text or subtitles in place of JSON."""
    DATA = "data"
    """Vectors, scores, pictures: JSON whose length tells nothing of tokens."""
    BINARY = "binary"
    """Sound: no JSON at all, handed on as it arrives."""

    @property
    def written(self) -> bool:
        """Whether its length tells how many tokens were generated."""
        return self is AnswerKind.TEXT or self is AnswerKind.TRANSCRIPT


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
    untranslated: tuple[str, str] | None = None
    """What `raw` holds and the common form has no words for: its field, and a sentence for the caller.

    Only a target that speaks the dialect itself can be asked this.
    """
    ignored: tuple[str, ...] = ()
    """Fields of `raw` that merely can't be honoured in the common form: left out of `body`, and the caller is told."""
    answers: AnswerKind = AnswerKind.TEXT
    """What is asked for."""
    input_estimate: int | None = None
    """Tokens of the input, where the length of `raw` tells nothing of them: a recording that is uploaded."""
    own_answer: bytes | None = None
    """What the gateway says itself where the target does not speak the dialect: an estimate, and nothing is sent."""

    @property
    def choices(self) -> int:
        """How many answers are asked for: `n`, for each prompt where there are several."""
        wanted, prompts = self.body.get("n"), self.body.get("prompt")
        each = wanted if type(wanted) is int and wanted > 0 else 1
        if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int):
            return each * len(prompts)
        return each

    @property
    def input_tokens(self) -> int:
        """An estimate: English text and JSON have about four bytes to a token."""
        return len(self.raw) // BYTES_PER_TOKEN if self.input_estimate is None else self.input_estimate


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider differs from the protocol's inventor. What is set, is set in a row of providers/compatible.py, or
    in the routing file. The default is somebody who takes all that OpenAI takes, and ignores what he does not know."""

    dialects: frozenset[str] = frozenset()
    """Dialects that it understands besides its protocol's own (`openai_responses`, say)."""
    paths: tuple[tuple[str, str], ...] = ()
    """Where such a dialect is not under the base URL: its name, and the path from the host (`/anthropic/v1/messages`).
    """
    key_header: str = "authorization"
    """The header that bears the key: `authorization` with `Bearer` before it, any other bare."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Fields of the request that it calls otherwise: OpenAI's name, its own."""
    dropped: frozenset[str] = frozenset()
    """Fields that it can't honour and that don't change what is asked: left out, and the caller is told."""
    dropped_for: tuple[tuple[str, frozenset[str]], ...] = ()
    """The same for some of its models, by pattern (`o3*`)."""
    refused: frozenset[str] = frozenset()
    """Fields without which something else would be asked: the request is not for this provider."""
    json_schema: bool = True
    """It takes `response_format: {"type": "json_schema"}`."""
    developer_role: bool = True
    """It knows the role `developer`; otherwise such a message is sent as `system`."""
    strict_messages: bool = False
    """It refuses a message with fields that it does not know, such as those that another provider's answer brought."""
    cache_control: bool = True
    """It takes, or ignores, Anthropic's marks of what to cache."""
    reasoning_field: str | None = None
    """What an assistant message calls the reasoning it brings back; "": it takes none. None: as the caller has it."""
    reasoning_switch: str = ""
    """How reasoning is asked for: `effort`, `thinking`, `enable_thinking`, `template`, or as the caller has it
    (providers/openai/reasoning.py)."""
    usage_unasked: bool = False
    """Streams tell usage without `stream_options`, which it refuses."""
    short_tool_ids: bool = False
    """Ids of tool calls are nine letters or digits."""


NO_QUIRKS = Quirks()


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
    quirks: Quirks = field(default=NO_QUIRKS, repr=False)
    api_version: str | None = None
    """Azure's `api-version`."""
    id: str = field(init=False, repr=False, compare=False)
    """`provider/model@endpoint`, the name in headers, ledger and metrics."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.provider}/{self.model}@{self.endpoint}")

    def __hash__(self) -> int:
        """By its name: what is kept by target is looked up with each request."""
        return hash(self.id)


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
