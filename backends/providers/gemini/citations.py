"""Where an answer comes from, as OpenAI's annotations. https://ai.google.dev/gemini-api/docs/google-search"""

from collections.abc import Iterator
from typing import Any


def read_citations(candidate: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """Of a candidate whose whole text is known. Google counts bytes of UTF-8, OpenAI characters."""
    grounding, recited = candidate.get("groundingMetadata"), candidate.get("citationMetadata")
    if not isinstance(grounding, dict) and not isinstance(recited, dict):
        return []
    ruler = text.encode()
    found = list(_grounded(grounding, ruler)) if isinstance(grounding, dict) else []
    if isinstance(recited, dict):
        found += _recited(recited, ruler)
    return found


def _grounded(grounding: dict[str, Any], ruler: bytes) -> Iterator[dict[str, Any]]:
    chunks = grounding.get("groundingChunks")
    chunks = chunks if isinstance(chunks, list) else []
    supports = grounding.get("groundingSupports")
    for support in supports if isinstance(supports, list) else []:
        for index in support.get("groundingChunkIndices") or []:
            if isinstance(index, int) and 0 <= index < len(chunks):
                yield _url_citation(_source(chunks[index]), support.get("segment") or {}, ruler)
    if not supports:  # sources of the whole, of no place in particular
        for chunk in chunks:
            yield _url_citation(_source(chunk), {"endIndex": len(ruler)}, ruler)


def _recited(recited: dict[str, Any], ruler: bytes) -> Iterator[dict[str, Any]]:
    """Text that the model took from somewhere, named `citationSources` by one surface and `citations` by the other."""
    for source in recited.get("citationSources") or recited.get("citations") or []:
        if source.get("uri"):
            yield _url_citation(source, source, ruler)
        else:
            yield {"type": "citation", **source}


def _source(chunk: Any) -> dict[str, Any]:
    for kind in ("web", "retrievedContext", "maps"):
        source = chunk.get(kind) if isinstance(chunk, dict) else None
        if isinstance(source, dict):
            return source
    return {}


def _url_citation(source: dict[str, Any], segment: dict[str, Any], ruler: bytes) -> dict[str, Any]:
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": _characters(ruler, segment.get("startIndex")),
            "end_index": _characters(ruler, segment.get("endIndex")),
            "url": source.get("uri") or "",
            "title": source.get("title") or "",
        },
    }


def _characters(ruler: bytes, place: Any) -> int:
    return len(ruler[:place].decode("utf-8", "ignore")) if isinstance(place, int) and place > 0 else 0
