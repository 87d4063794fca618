"""What a provider's name alone tells us; and the rows of those who speak a protocol of their own.

`base_url` is what the provider's own client would be given; a `<part>` in it differs for each account.
"""

from dataclasses import dataclass

from backends.providers.families import AS_OPENAI
from backends.types import NO_QUIRKS, Quirks


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """What a provider's name alone tells us."""

    name: str
    protocol: str
    base_url: str
    key_variable: str | None
    """Environment variable of the key; None: it takes no key (a server on this machine), or another kind of proof."""
    docs: str
    quirks: Quirks = NO_QUIRKS


OWN_PROTOCOLS = (
    KnownProvider(
        "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "https://docs.anthropic.com"
    ),
    KnownProvider(
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com",
        "GEMINI_API_KEY",
        "https://ai.google.dev/gemini-api/docs",
    ),
    KnownProvider("vertex", "vertex", "", None, "https://cloud.google.com/vertex-ai/generative-ai/docs"),
    KnownProvider("bedrock", "bedrock", "", "AWS_BEARER_TOKEN_BEDROCK", "https://docs.aws.amazon.com/bedrock"),
    KnownProvider(
        "azure",
        "azure",
        "https://<resource>.openai.azure.com",
        "AZURE_OPENAI_API_KEY",
        "https://learn.microsoft.com/azure/ai-services/openai/reference",
        Quirks(
            dialects=AS_OPENAI.dialects,
            key_header="api-key",
            cache_control=False,
            reasoning_field="",
            reasoning_switch="effort",
        ),
    ),
    KnownProvider("cohere", "cohere", "https://api.cohere.com", "COHERE_API_KEY", "https://docs.cohere.com"),
    KnownProvider("sandbox", "sandbox", "", None, "docs/sandbox.md"),
)
