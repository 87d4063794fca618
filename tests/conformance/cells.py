"""One cell of the matrix: a caller's dialect, a protocol, a feature → exact, converted, ignored, refused, or lost.

exact      the protocol has a word for it, and says it
converted  the nearest thing that the protocol has
ignored    left out, and named in `x-headrace-ignored`
refused    not asked of this target: another is tried, else 400
needless   it means nothing to this protocol, and nothing is lost
lost       left out without a word: a failure
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from backends.adapter import Adapter
from backends.errors import NotCarried
from backends.types import ChatRequest, Clocks
from gateway.dialects.base import Dialect
from gateway.dialects.translated import TranslatedRelay
from gateway.errors import InvalidRequest
from gateway.translators import dialects
from tests.conformance.asks import RESPONSES, Ask, Places
from tests.conformance.said import Said
from tests.conformance.upstream_table import RESPONSES_UPSTREAM, Upstream
from tests.replay.product import CREATED, adapter_named


class State(StrEnum):
    """What becomes of a feature."""

    EXACT = "exact"
    CONVERTED = "converted"
    IGNORED = "ignored"
    REFUSED = "refused"
    NEEDLESS = "needless"
    LOST = "LOST"
    NONE = "n/a"
    """The dialect or the protocol can't say it: there is nothing to carry."""


class Cell(NamedTuple):
    """A state, and what is to be said of it when it is a loss."""

    state: State
    why: str = ""


@cache
def dialects_spoken() -> Mapping[str, Dialect]:
    """Of the chat-like ones, by name."""
    spoken = {dialect.name: dialect for dialect in dialects().values()}
    return {name: spoken[name] for name in ("openai_chat", "anthropic_messages", "openai_responses")}


def adapter_for(upstream: Upstream) -> Adapter:
    """Who speaks to it."""
    return adapter_named(upstream.target.protocol)


def passes_through(dialect: str, upstream: Upstream) -> bool:
    """The upstream speaks the caller's dialect."""
    adapter = adapter_for(upstream)
    return adapter.speaks(dialect, upstream.target)


def family_of(dialect: str, upstream: Upstream) -> str:
    """What an upstream is asked in, and answers in: OpenAI's own callers of responses get responses."""
    native = dialect == RESPONSES and upstream.family == "openai" and passes_through(dialect, upstream)
    return "responses" if native else upstream.family


class Sent(NamedTuple):
    """What an upstream is asked."""

    body: Any
    told: tuple[str, ...]
    """What the caller is told to be ignored."""


def send(
    dialect: str, upstream: Upstream, body: Mapping[str, Any], headers: Mapping[str, str], *, stream: bool
) -> Sent:
    """A caller's request, to the body that the upstream gets. Raises InvalidRequest or NotCarried."""
    adapter = adapter_for(upstream)
    chat = parse(dialect, upstream, body, headers, stream=stream)
    native = passes_through(dialect, upstream)
    if not native and chat.untranslated is not None:
        raise NotCarried(*chat.untranslated)
    request = adapter.build_request(chat, upstream.target, Clocks())
    return Sent(json.loads(request.body), (*request.dropped, *(() if native else chat.ignored)))


def parse(
    dialect: str, upstream: Upstream, body: Mapping[str, Any], headers: Mapping[str, str], *, stream: bool
) -> ChatRequest:
    """A caller's request, as its dialect reads it."""
    asked = {"model": upstream.target.model, **body}
    if stream:
        asked["stream"] = True
        if dialect == "openai_chat":
            asked["stream_options"] = {"include_usage": True}
    return dialects_spoken()[dialect].parse(json.dumps(asked).encode(), headers)


def ask_cell(ask: Ask, dialect: str, upstream: Upstream, *, stream: bool) -> Cell:
    """What becomes of a feature of requests."""
    if dialect not in ask.bodies:
        return Cell(State.NONE)
    family = family_of(dialect, upstream)
    places = ask.places.get(family, Places())
    try:
        sent = send(dialect, upstream, ask.bodies[dialect], ask.headers, stream=stream)
    except (InvalidRequest, NotCarried) as error:
        param = error.param or ""
        if ask.fields and not any(field in param for field in ask.fields):
            return Cell(State.LOST, f"refused for {param!r}, which is none of {ask.fields}: {error}")
        return Cell(State.REFUSED)
    if places.exact is not None and places.exact(sent.body):
        return Cell(State.EXACT)
    named = any(field in told for field in ask.fields for told in sent.told)
    if places.converted is not None and places.converted(sent.body) and (named or not ask.lowered):
        return Cell(State.CONVERTED)
    if named:
        return Cell(State.IGNORED)
    if family in ask.void:
        return Cell(State.NEEDLESS)
    return Cell(
        State.LOST, f"not in what is sent, nor told ({sent.told}): {json.dumps(sent.body, ensure_ascii=False)[:900]}"
    )


def answered(dialect: str, upstream: Upstream, said: Said, body: Mapping[str, Any], *, stream: bool) -> bytes:
    """What the caller gets for what the upstream says."""
    adapter = adapter_for(upstream)
    chat = parse(dialect, upstream, body, {}, stream=stream)
    spoken = dialects_spoken()[dialect]
    native = passes_through(dialect, upstream)
    responses = family_of(dialect, upstream) == "responses"
    whole, streamed = RESPONSES_UPSTREAM if responses else (upstream.whole, upstream.stream)
    if native and not stream:
        return adapter.parse_response(chat, whole(said)).body
    if native:
        relay = adapter.stream_relay(chat)
        return relay.feed(streamed(said)) + relay.close()
    chat = chat._replace(created=CREATED)
    if not stream:
        completion = adapter.read(chat, whole(said))
        return spoken.render(chat, completion.answer, completion.usage)
    translated = TranslatedRelay(adapter.stream_decoder(chat), spoken.stream_encoder(chat))
    return translated.feed(streamed(said)) + translated.close()
