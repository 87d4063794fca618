"""What a whole answer and a stream of Cohere's chat have in common: finish reasons, thoughts, citations, logprobs.

https://docs.cohere.com/reference/chat#response
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

THINKING = "cohere-thinking-v1"
TOOL_PLAN = "cohere-tool-plan-v1"
"""Formats of reasoning details: content of the type `thinking`, and what the model plans before it calls tools."""
_FINISH: Mapping[str, str] = MappingProxyType(
    {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "ERROR_LIMIT": "length",
        "TOOL_CALL": "tool_calls",
    }
)
_FAILED = frozenset({"ERROR", "ERROR_TOXIC", "TIMEOUT"})


def failed(reason: Any) -> bool:
    """The answer is none, though its status was 200."""
    return reason in _FAILED


def finish(reason: Any) -> dict[str, Any]:
    """What a choice says of its end."""
    word = reason if isinstance(reason, str) else ""
    return {"finish_reason": _FINISH.get(word, "stop"), "native_finish_reason": word}


def thought(text: str, owner: str, index: int) -> dict[str, Any]:
    """A reasoning detail, or a piece of one."""
    return {"type": "reasoning.text", "text": text, "format": owner, "index": index}


def annotations(citation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A citation, once for each of its sources that has an address, and once as it came for all others.

    https://docs.cohere.com/docs/rag-citations
    """
    place = {"start_index": citation.get("start"), "end_index": citation.get("end")}
    pages: list[dict[str, Any]] = []
    others: list[Any] = []
    for source in citation.get("sources") or ():
        page = _page(source)
        if page is None:
            others.append(source)
        else:
            pages.append({"type": "url_citation", "url_citation": {**page, **place}})
    if others or not pages:
        native = {name: value for name, value in citation.items() if name not in ("type", "sources", "start", "end")}
        pages.append({"type": "citation", **native, **place, "citation_type": citation.get("type"), "sources": others})
    return pages


def _page(source: Any) -> dict[str, Any] | None:
    said = source.get("document") or source.get("tool_output") if isinstance(source, dict) else None
    if not isinstance(said, dict) or not isinstance(said.get("url"), str):
        return None
    url = said["url"]
    page: dict[str, Any] = {"url": url, "title": str(said.get("title") or url)}
    text = said.get("text") or said.get("snippet")
    return {**page, "content": text} if isinstance(text, str) else page


def logprobs(items: Any) -> dict[str, Any] | None:
    """OpenAI's form of the answer's probabilities. Cohere's may stand for several tokens, of which the first has the
    text: how it is divided is not told."""
    if not isinstance(items, list):
        return None
    content: list[dict[str, Any]] = []
    for item in items:
        text = str(item.get("text") or "")
        for value in item.get("logprobs") or ():
            content.append({"token": text, "logprob": value, "bytes": list(text.encode()), "top_logprobs": []})
            text = ""
    return {"content": content, "refusal": None}
