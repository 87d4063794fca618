"""What conditions may know of one request: each fact is made only where the file in force reads it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol

import cel

from backends.types import ChatRequest


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


def _messages(facts: Facts) -> list[dict[str, Any]]:
    messages = facts.chat.body.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _text(content: Any) -> str:
    """A message's words, whether it holds a string or parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _text_of(facts: Facts, roles: tuple[str, ...], *, last: bool) -> str:
    texts = [_text(message.get("content")) for message in _messages(facts) if message.get("role") in roles]
    return (texts[-1] if last else "\n".join(texts)) if texts else ""


def _has_part(facts: Facts, kinds: tuple[str, ...]) -> bool:
    return any(
        isinstance(part, dict) and part.get("type") in kinds
        for message in _messages(facts)
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )


def _max_tokens(facts: Facts) -> int:
    limit = facts.chat.body.get("max_completion_tokens") or facts.chat.body.get("max_tokens")
    return limit if isinstance(limit, int) else 0


def _wants_schema(facts: Facts) -> bool:
    wanted = facts.chat.body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") == "json_schema"


def _reasons(facts: Facts) -> bool:
    """Whether reasoning was asked for, in OpenAI's words or in OpenRouter's."""
    body = facts.chat.body
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        effort = reasoning.get("effort")
        wanted = reasoning.get("enabled") is True or bool(reasoning.get("max_tokens"))
        return reasoning.get("enabled") is not False and (wanted or effort not in (None, "none"))
    return body.get("reasoning_effort") not in (None, "none")


def _words(value: Any) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {str(name): entry for name, entry in items if isinstance(entry, str)}


def _request_tags(facts: Facts) -> dict[str, str]:
    """`x-headrace-tags: team=search,env=prod`."""
    given = dict.fromkeys(facts.tags, "")
    for pair in facts.request.headers.get("x-headrace-tags", "").split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip() in given:
            given[name.strip()] = value.strip()
    return given


def _key_tags(facts: Facts) -> dict[str, str]:
    own = facts.request.principal.tags
    return {name: own.get(name, "") for name in facts.tags}


def _local(facts: Facts) -> datetime:
    return datetime.fromtimestamp(facts.now(), facts.zone)


_FACTS: Mapping[str, Callable[[Facts], Any]] = {
    "request.model": lambda facts: facts.chat.model,
    "request.input_tokens": lambda facts: facts.chat.input_tokens,
    "request.max_tokens": _max_tokens,
    "request.stream": lambda facts: facts.chat.stream,
    "request.has_tools": lambda facts: bool(facts.chat.body.get("tools") or facts.chat.body.get("functions")),
    "request.has_images": lambda facts: _has_part(facts, ("image_url", "input_image", "image")),
    "request.has_audio": lambda facts: _has_part(facts, ("input_audio", "audio_url", "audio")),
    "request.json_schema": _wants_schema,
    "request.reasoning": _reasons,
    "request.messages": _messages,
    "request.system": lambda facts: _text_of(facts, ("system", "developer"), last=False),
    "request.last_user": lambda facts: _text_of(facts, ("user",), last=True),
    "request.dialect": lambda facts: facts.dialect,
    "request.user": lambda facts: user if isinstance(user := facts.chat.body.get("user"), str) else "",
    "request.tags": _request_tags,
    "request.headers": _headers,
    "request.metadata": lambda facts: _words(facts.chat.body.get("metadata")),
    "key.name": lambda facts: facts.request.principal.name,
    "key.team": lambda facts: facts.request.principal.team or "",
    "key.tags": _key_tags,
    "time.hour": lambda facts: _local(facts).hour,
    "time.weekday": lambda facts: _local(facts).isoweekday(),
}
