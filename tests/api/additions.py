"""What answers have beyond OpenAI's own types, and why. A field that is not here fails the tests.

Clients leave alone what they do not know, so each of these is a gain for those who know it and no loss for others.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

_SAID = {
    "reasoning_content": "what the model thought, as DeepSeek, vLLM and their clients call it",
    "reasoning": "the same, as OpenRouter calls it",
    "reasoning_details": "the same with its signatures, as OpenRouter has it: sent back, the provider gets them again",
    "tool_calls.*.extra_content": "a signature of Gemini's, where Google's own compatible endpoint puts it",
}
_CITED = {
    "content": "the words of the source that are cited, as OpenRouter has it",
    "encrypted_index": "Anthropic wants it back with the citation",
}
ADDITIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "openai_chat": {
            **{f"choices.*.{holder}.{name}": why for holder in ("message", "delta") for name, why in _SAID.items()},
            **{f"choices.*.message.annotations.*.url_citation.{name}": why for name, why in _CITED.items()},
            "choices.*.delta.annotations": "sources of a streamed answer, as OpenRouter has them",
            "choices.*.native_finish_reason": "the provider's own word for why it stopped, as OpenRouter has it",
            "choices.*.stop_reason": "the stop sequence that was met, as vLLM has it",
        },
        "openai_responses": {
            "**.store": "whether the answer is kept: OpenAI sends it, its client's types lack it",
            "name": "of the function, when its arguments are done: in OpenAI's description, its client's types lack it",
            **{f"**.annotations.*.{name}": why for name, why in _CITED.items()},
            **{f"annotation.{name}": why for name, why in _CITED.items()},
        },
    }
)
"""By dialect: the place and the reason. `*` stands for each entry of a list, `**` for any way that leads there."""


def extras(value: Any, path: str = "") -> Iterator[str]:
    """The places of fields that a client's own types do not know."""
    if isinstance(value, list):
        for entry in value:
            yield from extras(entry, f"{path}.*" if path else "*")
    elif hasattr(type(value), "model_fields"):
        for name in value.model_extra or ():
            yield f"{path}.{name}".lstrip(".")
        for name in value.model_fields_set & set(type(value).model_fields):
            yield from extras(getattr(value, name), f"{path}.{name}".lstrip("."))


def justification(dialect: str, place: str) -> str | None:
    """The entry of the table that covers this place; None: nobody has said why it is there."""
    return next((known for known in ADDITIONS[dialect] if _covers(known, place)), None)


def _covers(known: str, place: str) -> bool:
    if known.startswith("**."):
        return place == known[3:] or place.endswith(known[2:])
    return place == known
