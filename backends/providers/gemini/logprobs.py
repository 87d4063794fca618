"""Gemini's `logprobsResult` as OpenAI's. https://ai.google.dev/api/generate-content#LogprobsResult"""

from typing import Any


def read_logprobs(result: Any) -> dict[str, Any] | None:
    """None where there is none."""
    if not isinstance(result, dict):
        return None
    chosen, top = result.get("chosenCandidates"), result.get("topCandidates")
    if not isinstance(chosen, list):
        return None
    beside = top if isinstance(top, list) else []
    content = []
    for index, token in enumerate(chosen):
        others = beside[index].get("candidates") or [] if index < len(beside) else []
        content.append({**_token(token), "top_logprobs": [_token(other) for other in others]})
    return {"content": content, "refusal": None}


def _token(token: dict[str, Any]) -> dict[str, Any]:
    text = token.get("token") or ""
    return {"token": text, "logprob": token.get("logProbability", 0.0), "bytes": list(text.encode())}
