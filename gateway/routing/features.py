"""What a decision was made from, as far as it may be kept: numbers, names and yes or no, never a word of a prompt.

From features a request can be made up that is decided alike, under the same file or another: the seam that a replay of
recorded traffic is made of. Not kept, and so not decided alike: conditions that read words, headers or metadata
(UNRECORDED), and the variant of a conversation that has no name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from backends.types import BYTES_PER_TOKEN, AnswerKind, ChatRequest
from gateway.routing.abilities import needs_of
from gateway.routing.asking import Asking, Owner
from gateway.routing.body import output_limit
from gateway.routing.facts import CallerRequest, request_tags, session_of, user_of
from gateway.routing.preferences import FIELDS, fields_of
from gateway.routing.suitability import count_input

UNRECORDED = frozenset(
    {"request.messages", "request.system", "request.last_user", "request.headers", "request.metadata"}
)
_PARTS = {"images": "image_url", "audio": "input_audio", "files": "file", "video": "video_url"}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "tools": {"tools": [{"type": "function", "function": {"name": ""}}]},
    "json_schema": {"response_format": {"type": "json_schema"}},
    "json_object": {"response_format": {"type": "json_object"}},
    "reasoning": {"reasoning_effort": "high"},
    "logprobs": {"logprobs": True},
    "n": {"n": 2},
}


@dataclass(frozen=True, slots=True)
class Features:
    """Of one request. All of it is plain data: it goes into JSON and comes back."""

    model: str
    dialect: str
    key_id: str
    key_name: str
    at: float
    """Epoch seconds."""
    team: str | None = None
    provider: str | None = None
    """The one that the URL pinned."""
    stream: bool = False
    input_tokens: int = 0
    """By the length of the body."""
    counted_tokens: int = 0
    """By the length of its words."""
    max_tokens: int = 0
    needs: tuple[str, ...] = ()
    user: str = ""
    session: str = ""
    key_tags: Mapping[str, str] = field(default_factory=dict)
    request_tags: Mapping[str, str] = field(default_factory=dict)
    wishes: Mapping[str, Any] = field(default_factory=dict)
    """`models` and `provider`, as the caller had them."""
    untranslated: str | None = None
    """The field that the common form has no words for."""
    answers: str = AnswerKind.TEXT
    counts: bool = False
    """Only a count of tokens is asked for, which the gateway can give itself."""


def features_of(
    chat: ChatRequest, request: CallerRequest, dialect: str, at: float, tags: tuple[str, ...] = ()
) -> Features:
    """`tags`: those that the routing file declares."""
    who, fields = request.principal, fields_of(chat)
    return Features(
        model=chat.model,
        dialect=dialect,
        key_id=who.key_id,
        key_name=who.name,
        at=at,
        team=who.team,
        provider=request.provider,
        stream=chat.stream,
        input_tokens=chat.input_tokens,
        counted_tokens=count_input(chat),
        max_tokens=output_limit(chat.body),
        needs=tuple(sorted(needs_of(chat.body))),
        user=user_of(chat),
        session=session_of(chat, request),
        key_tags=dict(who.tags),
        request_tags={name: value for name, value in request_tags(request.headers, tags).items() if value},
        wishes={name: fields[name] for name in sorted(FIELDS) if name in fields},
        untranslated=None if chat.untranslated is None else chat.untranslated[0],
        answers=str(chat.answers),
        counts=chat.own_answer is not None,
    )


def made_up(features: Features, models: tuple[str, ...] = ()) -> tuple[ChatRequest, Asking]:
    """A request with these features, by a key that may use these models (all, if none is named)."""
    owner = Owner(features.key_id, features.key_name, features.team, features.key_tags, models)
    tags = ",".join(f"{name}={value}" for name, value in features.request_tags.items())
    return _chat(features), Asking(owner, features.provider, {"x-headrace-tags": tags} if tags else {})


def _chat(features: Features) -> ChatRequest:
    parts: list[dict[str, Any]] = [{"type": _PARTS[need]} for need in features.needs if need in _PARTS]
    body: dict[str, Any] = {"model": features.model, "messages": [{"role": "user", "content": parts}]}
    for need in features.needs:
        body |= _FIELDS.get(need, {})
    if features.max_tokens:
        body["max_tokens"] = features.max_tokens
    for name, value in (("user", features.user), ("session_id", features.session)):
        if value:
            body[name] = value
    body |= features.wishes
    parts.append({"type": "text", "text": "x" * (features.counted_tokens * BYTES_PER_TOKEN)})
    return ChatRequest(
        bytes(features.input_tokens * BYTES_PER_TOKEN),
        body,
        features.model,
        features.stream,
        wants_usage=False,
        dialect=features.dialect,
        untranslated=None if features.untranslated is None else (features.untranslated, ""),
        answers=AnswerKind(features.answers),
        own_answer=b"" if features.counts else None,
    )


def as_json(features: Features) -> bytes:
    """For whoever keeps it."""
    return orjson.dumps(features)


def from_json(text: bytes | str) -> Features:
    """As it was kept. Fields of a later version are passed over."""
    kept = orjson.loads(text)
    known = {name: kept[name] for name in Features.__dataclass_fields__ if name in kept}
    return Features(**{**known, "needs": tuple(known.get("needs", ()))})
