"""Which of a model's versions a request gets: by weight, at random, or always the same for the same caller.

What is sticky needs no memory: a hash of who asks is a throw of the dice that always falls alike. When weights change,
only those move whose share moved.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate

from backends.types import ChatRequest
from gateway.routing.body import messages
from gateway.routing.entries import ModelEntry, Variant
from gateway.routing.facts import CallerRequest, session_of, user_of
from gateway.routing.policies import Dice

_OPENING = 4_096
"""Characters of a conversation's start that tell it from others."""


def chosen(entry: ModelEntry, served: Sequence[Variant], chat: ChatRequest, request: CallerRequest, dice: Dice) -> str:
    """The model of one of these variants."""
    steps = list(accumulate(variant.weight for variant in served))
    throw = dice() if entry.sticky is None else fraction(entry.label, *_who(entry.sticky, chat, request))
    return served[bisect_right(steps, throw * steps[-1])].model


def fraction(*words: str) -> float:
    """From 0 up to, and without, 1: the same for the same words, and spread evenly over different ones."""
    said = "\0".join(words).encode("utf-8", "replace")
    return int.from_bytes(blake2b(said, digest_size=6).digest(), "big") / 2**48


def _who(sticky: str, chat: ChatRequest, request: CallerRequest) -> tuple[str, ...]:
    """Whoever names no user, or no session, is known by its key, or by how the conversation began."""
    key = request.principal.key_id
    if sticky == "user":
        return "user", key, user_of(chat)
    if sticky == "conversation":
        session = session_of(chat, request)
        return ("session", key, session) if session else ("start", key, _opening(chat))
    return "key", key


def _opening(chat: ChatRequest) -> str:
    """What stays the same from turn to turn: all up to the first thing the user said."""
    opening: list[str] = []
    for message in messages(chat.body):
        opening.append(f"{message.get('role')}:{message.get('content')}"[:_OPENING])
        if message.get("role") == "user":
            break
    return "\n".join(opening)
