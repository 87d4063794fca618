"""The protocols of the matrix: a target each, and the stand-in that answers for it."""

from collections.abc import Callable
from typing import NamedTuple

from backends.providers.compatible import KNOWN_PROVIDERS
from backends.types import NO_QUIRKS, Target
from tests.conformance.said import Said
from tests.conformance.upstreams import (
    anthropic_messages,
    cohere,
    converse,
    gemini,
    openai_chat,
    openai_responses,
)


class Upstream(NamedTuple):
    """One column: a protocol, in one family of wire formats."""

    name: str
    family: str
    target: Target
    whole: Callable[[Said], bytes]
    stream: Callable[[Said], bytes]


def _target(provider: str, protocol: str, model: str, base_url: str) -> Target:
    row = KNOWN_PROVIDERS.get(provider)
    quirks = row.quirks if row is not None else NO_QUIRKS
    return Target(provider, protocol, model, base_url, "upstream.example:443", "made-up-key", quirks=quirks)


_CLAUDE = "claude-sonnet-4-5"
_CLAUDE_ON_AWS = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
_VERTEX = "https://europe-west4-aiplatform.googleapis.com/v1/projects/made-up/locations/europe-west4"

UPSTREAMS = (
    Upstream(
        "openai",
        "openai",
        _target("openai", "openai", "gpt-4.1", "https://api.openai.com/v1"),
        openai_chat.whole,
        openai_chat.stream,
    ),
    Upstream(
        "vllm",
        "openai",
        _target("qwen", "vllm", "qwen3-30b-a3b", "http://10.0.0.11:8000/v1"),
        openai_chat.whole,
        openai_chat.stream,
    ),
    Upstream(
        "azure",
        "openai",
        _target("azure", "azure", "gpt-4.1", "https://made-up.openai.azure.com"),
        openai_chat.whole,
        openai_chat.stream,
    ),
    Upstream(
        "anthropic",
        "anthropic",
        _target("anthropic", "anthropic", _CLAUDE, "https://api.anthropic.com"),
        anthropic_messages.whole,
        anthropic_messages.stream,
    ),
    Upstream(
        "gemini",
        "gemini",
        _target("google", "gemini", "gemini-2.5-flash", "https://generativelanguage.googleapis.com"),
        gemini.whole,
        gemini.stream,
    ),
    Upstream("vertex", "gemini", _target("vertex", "vertex", "gemini-2.5-flash", _VERTEX), gemini.whole, gemini.stream),
    Upstream(
        "vertex (Claude)",
        "anthropic",
        _target("vertex", "vertex", f"{_CLAUDE}@20250929", _VERTEX),
        anthropic_messages.whole,
        anthropic_messages.stream,
    ),
    Upstream(
        "bedrock",
        "bedrock",
        _target("bedrock", "bedrock", _CLAUDE_ON_AWS, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        converse.whole,
        converse.stream,
    ),
    Upstream(
        "cohere",
        "cohere",
        _target("cohere", "cohere", "command-a-reasoning-08-2025", "https://api.cohere.com"),
        cohere.whole,
        cohere.stream,
    ),
)
RESPONSES_UPSTREAM = (openai_responses.whole, openai_responses.stream)
