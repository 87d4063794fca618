"""Moderations without a model: a text is flagged for a category whose name it mentions."""

from typing import Any

from backends.sandbox.fields import parse
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply, of_object

USUAL_MODEL = "omni-moderation-latest"
CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""https://platform.openai.com/docs/guides/moderation"""
_MENTIONED, _NOT_MENTIONED = 0.98, 0.0001


def moderate(raw: bytes, seed: int, number: int) -> Reply:
    """The reply to a body. Raises Refusal."""
    body = parse(raw)
    given = body.get("input")
    if given is None or given == []:
        raise invalid("'input' must be a string, or an array of strings or parts.", "input")
    results = [_result(text) for text in _texts(given)]
    model = body.get("model") or USUAL_MODEL
    return of_object({"id": f"modr-sandbox-{seed}-{number}", "model": model, "results": results})


def _texts(given: Any) -> list[str]:
    """Parts (a picture with its caption) are one input, texts are each their own."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        raise invalid("'input' must be a string, or an array of strings or parts.", "input")
    if all(isinstance(entry, str) for entry in given):
        return given
    return [" ".join(str(entry.get("text", "")) for entry in given if isinstance(entry, dict))]


def _result(text: str) -> dict[str, Any]:
    said = text.lower()
    flags = {category: all(word in said for word in category.split("/")) for category in CATEGORIES}
    scores = {category: _MENTIONED if flag else _NOT_MENTIONED for category, flag in flags.items()}
    applied = {category: ["text"] for category in CATEGORIES}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": applied,
    }
