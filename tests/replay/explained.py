"""Recordings that the product reads otherwise than the independent reader, and why that is as it should be.

One that passes after all must be taken out: the replay says so.
"""

from collections.abc import Mapping

_BEGUN_BY_THE_MODEL = (
    "the conversation begins with the assistant, which Converse is documented to refuse;"
    " it is sent as it is, and its 400 would reach the caller"
)
_NOTHING_SAID = (
    "an empty question, rendered without parts, which Gemini is taken to refuse; its 400 would reach the caller"
)

EXPLAINED: Mapping[str, str] = {
    "openai-2be46c43f490-0": "a vision preview of 2023 says `finish_details` and no `finish_reason`; nobody does now",
    "groq-23d1cb38aa39-0": (
        "only if it were longer than 32 MiB: usage is then sought in the answer's tail, where a compound system's"
        " breakdown by model comes after it"
    ),
}

EXPLAINED_REQUESTS: Mapping[str, str] = {
    "deepseek-2e967df0f1cd-0": _BEGUN_BY_THE_MODEL,
    "deepseek-b0d3273f1be4-1": _BEGUN_BY_THE_MODEL,
    "llamacpp-2fea361c502c-0": _BEGUN_BY_THE_MODEL,
    "mistral-5e0fb52dc507-0": _BEGUN_BY_THE_MODEL,
    "openai-d6b585c58bea-0": _BEGUN_BY_THE_MODEL,
    "openrouter-0fde9ef601d2-1": _BEGUN_BY_THE_MODEL,
    "openai-e31c5f28da7f-0": _NOTHING_SAID,
    "openai-fb3f2c0e173c-0": _NOTHING_SAID,
}
"""The same for recorded requests that are rendered for other providers."""
