"""A recorded request through a dialect and out through each protocol: it asks the same, or is refused."""

import json
from collections.abc import Mapping
from typing import Any

from backends.errors import NotCarried
from backends.types import ChatRequest, Clocks
from gateway.dialects.base import Dialect
from gateway.errors import InvalidRequest
from tests.conformance.upstream_table import UPSTREAMS, Upstream
from tests.replay.product import adapter_named
from tests.replay.recordings import Recording
from tests.replay.requests import anthropic_messages, converse, gemini, openai_chat, openai_responses
from tests.replay.requests.asked import Asked, Turn
from tests.replay.requests.validity import RULES

CALLERS: Mapping[str, tuple[str, Any]] = {
    "chat_completions": ("openai_chat", openai_chat),
    "messages": ("anthropic_messages", anthropic_messages),
    "responses": ("openai_responses", openai_responses),
}
_FAMILIES: Mapping[str, Any] = {
    "openai": openai_chat,
    "anthropic": anthropic_messages,
    "gemini": gemini,
    "bedrock": converse,
    "cohere": openai_chat,
}


def parse(recording: Recording, dialect: Dialect) -> ChatRequest | None:
    """None: our dialect refuses it, or holds it untranslatable."""
    body = {"model": recording.model or "made-up-model", **recording.request}
    try:
        return dialect.parse(json.dumps(body).encode(), recording.request_headers)
    except InvalidRequest:
        return None


def translated(chat: ChatRequest, upstream: Upstream) -> tuple[Any, tuple[str, ...]] | None:
    """The body that leaves, rendered from the common form even where bytes could pass; and what is told."""
    adapter = adapter_named(upstream.target.protocol)
    if chat.untranslated is not None:
        return None
    common = chat._replace(raw=json.dumps(chat.body).encode(), native=None, dialect="openai_chat", plain=False)
    try:
        request = adapter.build_request(common, upstream.target, Clocks())
        again = adapter.build_request(common, upstream.target, Clocks())
    except NotCarried:
        return None
    assert request.body == again.body, "the same request is rendered in two ways"
    return json.loads(request.body), (*request.dropped, *chat.ignored)


def callers_readings(recording: Recording) -> list[Asked]:
    """What the caller asked. A system message amid a conversation may be said where it stands, or to begin with."""
    _, reader = CALLERS[recording.api]
    readings = [reader.read_request(recording.request)]
    if reader is not openai_responses:
        readings.append(reader.read_request(recording.request, late_system_is_said=True))
    return readings


def differences(callers: list[Asked], body: Any, upstream: Upstream, told: tuple[str, ...]) -> list[str]:
    """What the upstream is asked otherwise than the caller asked, in the reading that comes nearest."""
    sent = _FAMILIES[upstream.family].read_request(body)
    return min((_differences(caller, sent, body, upstream, told) for caller in callers), key=len)


def _differences(caller: Asked, sent: Asked, body: Any, upstream: Upstream, told: tuple[str, ...]) -> list[str]:
    found = []
    # A protocol without a word for JSON adds a sentence of its own.
    if caller.system not in sent.system:
        found.append(f"system is {sent.system[:200]!r}, not {caller.system[:200]!r}")
    if _comparable(caller) != _comparable(sent):
        found.append(f"turns are {_short(sent)}, not {_short(caller)}")
    if not set(caller.tools) <= set(sent.tools) and not _chosen(body, sent):
        found.append(f"tools are {sent.tools}, not {caller.tools}")
    settings = dict(sent.settings)
    for name, value in caller.settings:
        if not _honoured(name, value, settings.get(name), upstream) and not any(name in each for each in told):
            found.append(f"{name} is {settings.get(name)!r}, not {value!r}")
    return found


def _honoured(name: str, value: Any, sent: Any, upstream: Upstream) -> bool:
    """The same, or the nearest that the protocol allows (its documentation names the bounds)."""
    if name == "max_tokens":
        return isinstance(sent, int)
    bound = 0.99 if upstream.family == "cohere" and name == "top_p" else 1
    if upstream.family == "anthropic" and value == 1:  # the default of both; Claude takes one of the two
        return sent in (None, 1)
    return bool(sent == value or (value >= bound and sent == bound))


def _chosen(body: Any, sent: Asked) -> bool:
    """Converse has no `none`, Cohere none by name: then the tools offered are those that may be called."""
    return ("toolConfig" not in body and not sent.tools) or (
        len(sent.tools) == 1 and body.get("tool_choice") == "REQUIRED"
    )


def _comparable(request: Asked) -> list[Any]:
    """Pictures move out of results where those can hold none; what has no counterpart here is left out."""
    turns = [_unmarked(turn) for turn in request.turns if turn[0] not in ("other", "media")]
    merged: list[Any] = []
    for turn in turns:
        if merged and turn[0] in ("user", "assistant") and merged[-1][0] == turn[0]:
            merged[-1] = (turn[0], merged[-1][1] + turn[1])
        else:
            merged.append(turn)
    return [*merged, sorted(turn[1] for turn in request.turns if turn[0] == "media")]


def _unmarked(turn: Turn) -> Turn:
    """A result that is an error says so in its text, where there is no other word for it."""
    return (turn[0], turn[1].removeprefix("Error:")) if turn[0] == "result" else turn


def _short(request: Asked) -> str:
    return str([tuple(part[:60] for part in turn) for turn in request.turns])[:700]


def asks_otherwise(recording: Recording, dialect: Dialect) -> dict[str, list[str]]:
    """By upstream, what it is asked otherwise, or in a form that its provider refuses."""
    chat = parse(recording, dialect)
    assert chat is not None, "our dialect refuses what the provider took"
    readings = callers_readings(recording)
    found = {}
    for upstream in UPSTREAMS:
        rendered = translated(chat, upstream)
        if rendered is None:
            continue
        differs = differences(readings, rendered[0], upstream, rendered[1])
        if not _broken(recording):
            differs += RULES[upstream.family](rendered[0])
        if differs:
            found[upstream.name] = differs
    return found


def _broken(recording: Recording) -> bool:
    """Some providers take what breaks the rules of their own format; nobody has to mend it."""
    rules = {"chat_completions": RULES["openai"], "messages": RULES["anthropic"]}.get(recording.api)
    return rules is not None and bool(rules({"max_tokens": 1, **recording.request}))
