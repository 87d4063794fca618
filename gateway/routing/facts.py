"""What conditions may know of one request: each fact is made only where the file in force reads it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol

import cel

from backends.types import ChatRequest
from gateway.routing import body


class Caller(Protocol):
    """Who calls, as far as routing looks."""

    @property
    def key_id(self) -> str:
        """The key."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def team(self) -> str | None:
        """The key's team."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The key's tags."""

    def may_use(self, model: str) -> bool:
        """Whether the key covers a model of this name."""


class CallerRequest(Protocol):
    """What routing looks at of the request around a chat."""

    @property
    def principal(self) -> Caller:
        """Who calls."""

    @property
    def provider(self) -> str | None:
        """The provider that the URL pins."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Looked up without regard to case."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a fact can be made from."""

    chat: ChatRequest
    request: CallerRequest
    dialect: str
    tags: tuple[str, ...]
    """Those that the file declares: a request or a key without one reads ''."""
    now: Callable[[], float]
    zone: tzinfo

    def context(self, reads: frozenset[str]) -> Any:
        """CEL's context with these fields and no others."""
        values: dict[str, dict[str, Any]] = {"request": {}, "key": {}, "time": {}}
        for name in reads:
            root, _, field = name.partition(".")
            if name in _FACTS:
                values[root][field] = _FACTS[name](self)
        return cel.Context(variables=values)


_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})


def _headers(facts: Facts) -> dict[str, str]:
    """All but those that carry the caller's key."""
    headers = {name.lower(): value for name, value in facts.request.headers.items()}
    return {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}


def _text(content: Any) -> str:
    """A message's words, whether it holds a string or parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _text_of(facts: Facts, roles: tuple[str, ...], *, last: bool) -> str:
    texts = [
        _text(message.get("content")) for message in body.messages(facts.chat.body) if message.get("role") in roles
    ]
    return (texts[-1] if last else "\n".join(texts)) if texts else ""


def _words(value: Any) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {str(name): entry for name, entry in items if isinstance(entry, str)}


def request_tags(headers: Mapping[str, str], declared: tuple[str, ...]) -> dict[str, str]:
    """`x-headrace-tags: team=search,env=prod`; of those that the file declares, '' where it is not given."""
    given = dict.fromkeys(declared, "")
    for pair in headers.get("x-headrace-tags", "").split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip() in given:
            given[name.strip()] = value.strip()
    return given


def _key_tags(facts: Facts) -> dict[str, str]:
    own = facts.request.principal.tags
    return {name: own.get(name, "") for name in facts.tags}


def user_of(chat: ChatRequest) -> str:
    """Whom the caller asks for, as it names them: OpenAI's `user`, Anthropic's `metadata.user_id`."""
    named = chat.body.get("user")
    if isinstance(named, str) and named:
        return named
    metadata = chat.native.get("metadata") if chat.native is not None else None
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user_id if isinstance(user_id, str) else ""


def session_of(chat: ChatRequest, request: CallerRequest) -> str:
    """What the caller calls this conversation, if it says: OpenRouter's `session_id`, OpenAI's `prompt_cache_key`."""
    fields = chat.body if chat.native is None else chat.native
    for name in ("session_id", "prompt_cache_key"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return request.headers.get("x-session-id", "")


def _local(facts: Facts) -> datetime:
    return datetime.fromtimestamp(facts.now(), facts.zone)


_FACTS: Mapping[str, Callable[[Facts], Any]] = {
    "request.model": lambda facts: facts.chat.model,
    "request.input_tokens": lambda facts: facts.chat.input_tokens,
    "request.max_tokens": lambda facts: body.output_limit(facts.chat.body),
    "request.stream": lambda facts: facts.chat.stream,
    "request.has_tools": lambda facts: body.has_tools(facts.chat.body),
    "request.has_images": lambda facts: not body.IMAGES.isdisjoint(body.kinds_of_parts(facts.chat.body)),
    "request.has_audio": lambda facts: not body.AUDIO.isdisjoint(body.kinds_of_parts(facts.chat.body)),
    "request.json_schema": lambda facts: body.format_of(facts.chat.body) == "json_schema",
    "request.reasoning": lambda facts: body.reasons(facts.chat.body),
    "request.messages": lambda facts: body.messages(facts.chat.body),
    "request.system": lambda facts: _text_of(facts, ("system", "developer"), last=False),
    "request.last_user": lambda facts: _text_of(facts, ("user",), last=True),
    "request.dialect": lambda facts: facts.dialect,
    "request.user": lambda facts: user_of(facts.chat),
    "request.session": lambda facts: session_of(facts.chat, facts.request),
    "request.tags": lambda facts: request_tags(facts.request.headers, facts.tags),
    "request.headers": _headers,
    "request.metadata": lambda facts: _words(facts.chat.body.get("metadata")),
    "key.name": lambda facts: facts.request.principal.name,
    "key.team": lambda facts: facts.request.principal.team or "",
    "key.tags": _key_tags,
    "time.hour": lambda facts: _local(facts).hour,
    "time.weekday": lambda facts: _local(facts).isoweekday(),
}
