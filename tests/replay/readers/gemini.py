"""Gemini's generateContent, on AI Studio and on Vertex. https://ai.google.dev/api/generate-content"""

import json
from typing import Any

from tests.replay.readers.faults import faults
from tests.replay.readers.framing import sse_objects
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"}
)
_NUMBERS = {
    1: "STOP",
    2: "MAX_TOKENS",
    3: "SAFETY",
    4: "RECITATION",
    5: "OTHER",
    6: "BLOCKLIST",
    7: "PROHIBITED_CONTENT",
}


def read_whole(body: bytes) -> Reading:
    """One response, or the array of them that a stream without `alt=sse` is."""
    answer = json.loads(body)
    return _folded(answer if isinstance(answer, list) else [answer])


def read_stream(body: bytes) -> Reading:
    """Server-sent events, or one JSON array."""
    if body.lstrip().startswith((b"[", b"{")):
        return read_whole(body)
    return _folded(sse_objects(body))


def _folded(responses: list[dict[str, Any]]) -> Reading:
    parts: dict[int, list[dict[str, Any]]] = {}
    finishes: dict[int, Any] = {}
    usage: Any = None
    blocked = cited = False
    for response in responses:
        if response.get("error"):
            error = response["error"]
            return Reading(faults=faults(int(error.get("code") or 500), json.dumps(error)))
        usage = response.get("usageMetadata") or usage
        blocked = blocked or bool((response.get("promptFeedback") or {}).get("blockReason"))
        for candidate in response.get("candidates") or []:
            index = candidate.get("index") or 0
            parts.setdefault(index, []).extend((candidate.get("content") or {}).get("parts") or [])
            finishes[index] = candidate.get("finishReason") or finishes.get(index)
            cited = cited or _cites(candidate)
    if blocked and not parts:
        return Reading(
            (Choice(finish="content_filter"),),
            _usages(usage),
            faults=frozenset({"content_policy"}),
            answer_will_do=True,
        )
    choices = tuple(_choice(parts[index], finishes[index]) for index in sorted(parts))
    signatures = {part.get("thoughtSignature") for pieces in parts.values() for part in pieces}
    return Reading(choices, _usages(usage), frozenset(value for value in signatures if value), cited)


def signed_parts(body: bytes, *, stream: bool) -> list[dict[str, Any]]:
    """All parts that bear a signature."""
    responses = sse_objects(body) if stream and not body.lstrip().startswith((b"[", b"{")) else json.loads(body)
    candidates = [
        candidate
        for response in (responses if isinstance(responses, list) else [responses])
        for candidate in response.get("candidates") or []
    ]
    parts = [part for candidate in candidates for part in (candidate.get("content") or {}).get("parts") or []]
    return [part for part in parts if part.get("thoughtSignature")]


def _choice(parts: list[dict[str, Any]], finish: Any) -> Choice:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    tools = tuple(Tool(call.get("id") or None, call["name"], canonical(call.get("args"))) for call in calls)
    texts = [part for part in parts if "text" in part]
    return Choice(
        text=joined([part["text"] for part in texts if not part.get("thought")]),
        reasoning=joined([part["text"] for part in texts if part.get("thought")]),
        tools=tools,
        finish=_finish(_NUMBERS.get(finish, finish), tools),
    )


def _finish(finish: Any, tools: tuple[Tool, ...]) -> str | None:
    if finish == "STOP" and tools:
        return "tool_calls"
    if finish == "MAX_TOKENS":
        return "length"
    if finish in _BLOCKED:
        return "content_filter"
    return "stop" if finish else None


def _cites(candidate: dict[str, Any]) -> bool:
    """What the answer stands on: web pages of a search, or sources that are quoted."""
    grounding = candidate.get("groundingMetadata") or {}
    web = [chunk for chunk in grounding.get("groundingChunks") or [] if chunk.get("web")]
    sources = (candidate.get("citationMetadata") or {}).get("citationSources")
    return bool((web and grounding.get("groundingSupports")) or sources)


def _usages(usage: Any) -> tuple[Tokens, ...]:
    if not usage or "promptTokenCount" not in usage:  # Vertex sends `{trafficType}` alone with each chunk
        return ()
    cached = usage.get("cachedContentTokenCount") or 0
    prompt = (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0)
    thought = usage.get("thoughtsTokenCount") or 0
    return (Tokens(prompt - cached, cached, 0, usage.get("candidatesTokenCount") or 0, thought),)
