"""Gemini's generateContent. https://ai.google.dev/api/generate-content"""

import json
from typing import Any

from tests.conformance.said import MODEL, Said, halves

_FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def whole(said: Said) -> bytes:
    """A response."""
    candidates = [_candidate(said, number, _parts(said, number), last=True) for number in range(said.copies)]
    return json.dumps(_response(said, candidates)).encode()


def stream(said: Said) -> bytes:
    """Responses with a part each; every one has usage; lines end in CRLF, and there is no terminator."""
    responses = []
    for number in range(said.copies):
        pieces = [piece for part in _parts(said, number) for piece in _pieces(part)]
        for at, piece in enumerate(pieces):
            candidate = _candidate(said, number, [piece], last=at == len(pieces) - 1)
            responses.append(_response(said, [candidate]))
        if not pieces:
            responses.append(_response(said, [_candidate(said, number, [], last=True)]))
    return b"".join(b"data: " + json.dumps(response).encode() + b"\r\n\r\n" for response in responses)


def _response(said: Said, candidates: list[Any]) -> dict[str, Any]:
    return {
        "candidates": candidates,
        "usageMetadata": _usage(said),
        "modelVersion": MODEL,
        "responseId": "made-up-response",
    }


def _candidate(said: Said, number: int, parts: list[Any], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": number, "content": {"role": "model", "parts": parts}}
    if last:
        candidate["finishReason"] = _FINISH[said.finish]
        if said.source:
            candidate["groundingMetadata"] = {
                "groundingChunks": [{"web": {"uri": said.source, "title": "Annals"}}],
                "groundingSupports": [
                    {
                        "segment": {"startIndex": 0, "endIndex": len(said.text.encode()), "text": said.text},
                        "groundingChunkIndices": [0],
                    }
                ],
            }
        if said.logprob is not None:
            chosen = {"token": said.text, "tokenId": 1, "logProbability": said.logprob}
            candidate["logprobsResult"] = {"chosenCandidates": [chosen], "topCandidates": [{"candidates": [chosen]}]}
    return candidate


def _parts(said: Said, number: int) -> list[dict[str, Any]]:
    """The signature sits on the first function call, else on the text."""
    parts: list[dict[str, Any]] = []
    if said.reasoning:
        parts.append({"text": said.reasoning, "thought": True})
    if said.text:
        parts.append({"text": said.text if said.copies == 1 else f"{said.text}{number}"})
    for tool in said.tools:
        parts.append({"functionCall": {"name": tool.name, "args": json.loads(tool.arguments)}})
    if said.signature:
        signed = next((part for part in parts if "functionCall" in part), parts[-1])
        signed["thoughtSignature"] = said.signature
    return parts


def _pieces(part: dict[str, Any]) -> list[dict[str, Any]]:
    if "text" not in part:
        return [part]
    texts = halves(part["text"])
    rest = {name: value for name, value in part.items() if name not in ("text", "thoughtSignature")}
    pieces = [{**rest, "text": text} for text in texts]
    if "thoughtSignature" in part:
        pieces[-1]["thoughtSignature"] = part["thoughtSignature"]
    return pieces


def _usage(said: Said) -> dict[str, Any]:
    """It knows no cache creation as a count of an answer."""
    counted = said.usage
    prompt = counted.input + counted.cache_read + counted.cache_creation
    return {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": counted.cache_read,
        "candidatesTokenCount": counted.output,
        "thoughtsTokenCount": counted.reasoning,
        "totalTokenCount": prompt + counted.output + counted.reasoning,
    }
