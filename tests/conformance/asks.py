"""What callers ask for, feature by feature: the request in each dialect, and where each protocol has to say it.

A feature's places are by family of protocols. `exact`: the protocol has a word for it. `converted`: the nearest
equivalent that its documentation knows. A family that has neither must refuse, or name the field among those ignored.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.conformance.marks import Mark

CHAT, MESSAGES, RESPONSES = "openai_chat", "anthropic_messages", "openai_responses"


class Places(NamedTuple):
    """Where one family says it."""

    exact: Mark | None = None
    converted: Mark | None = None


class Ask(NamedTuple):
    """One feature of requests."""

    name: str
    group: str
    bodies: Mapping[str, Mapping[str, Any]]
    """By dialect, what the request holds beside the model; a dialect that is missing can't ask for this."""
    places: Mapping[str, Places]
    """By family: openai, responses, anthropic, gemini, bedrock, cohere."""
    fields: tuple[str, ...] = ()
    """The caller's names of it: that of a refusal, or what is said to be ignored."""
    headers: Mapping[str, str] = {}
    lowered: bool = False
    """Where it is converted, another value is sent than was asked: the caller has to be told."""
    void: Mapping[str, str] = {}
    """Families to which the feature means nothing, and why leaving it out loses nothing."""
