"""Why Gemini stopped, and why it did not begin, in OpenAI's four words.

https://ai.google.dev/api/generate-content#FinishReason
"""

from typing import Any

_BY_NUMBER = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MODEL_ARMOR",
)
"""Vertex writes enums as numbers where it is asked to (`$alt=json;enum-encoding=int`)."""
_FILTERED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)


def native_reason(reason: Any) -> str | None:
    """Gemini's own word; None while it has not stopped."""
    if type(reason) is int:
        return _BY_NUMBER[reason] if 0 < reason < len(_BY_NUMBER) else (f"FINISH_REASON_{reason}" if reason else None)
    return reason if isinstance(reason, str) and reason and reason != _BY_NUMBER[0] else None


def finish_reason(native: str, *, called: bool) -> str:
    """OpenAI's. A call ends with STOP there; what went wrong on its side (OTHER, MALFORMED_FUNCTION_CALL) is `stop`
    here, and `native_finish_reason` tells."""
    if native == "MAX_TOKENS":
        return "length"
    if native in _FILTERED:
        return "content_filter"
    return "tool_calls" if called else "stop"


def block_reason(answer: dict[str, Any]) -> str | None:
    """Why the prompt was not answered at all: a 200 without candidates."""
    feedback = answer.get("promptFeedback")
    if not isinstance(feedback, dict):
        return None
    reason = feedback.get("blockReason")
    return str(reason) if reason else None
