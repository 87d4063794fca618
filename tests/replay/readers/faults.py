"""Whose fault an error answer is, by what the providers' documentation says of their statuses, types and codes.

A set where the provider's own words leave room: "you exceeded your current quota" is said by Google of a limit per
minute as well as of a plan used up.

https://platform.openai.com/docs/guides/error-codes, https://docs.anthropic.com/en/api/errors,
https://ai.google.dev/gemini-api/docs/troubleshooting, https://docs.cohere.com/reference/errors,
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_SAYS: tuple[tuple[str, frozenset[str]], ...] = (
    (
        r"incorrect api key|api key not valid|api_key_invalid|authentication fails|invalid api key",
        frozenset({"credential"}),
    ),
    (r"credit balance is too low|insufficient_quota|insufficient balance", frozenset({"quota"})),
    (
        r"maximum context length|context_length_exceeded|prompt is too long|prompt too long|too_many_tokens"
        r"|too_many_prompt_tokens|exceeded max context",
        frozenset({"context_length"}),
    ),
    (r"content management policy|content_filter|violates usage guidelines", frozenset({"content_policy"})),
    (
        r"model_not_found|model_decommissioned|invalid_model|deploymentnotfound|supported api model names"
        r"|not a valid model id|model identifier is invalid|was deprecated on",
        frozenset({"model"}),
    ),
    (r"tool_use_failed", frozenset({"caller", "capacity", "model"})),  # the model's own failure, told as a 400
    (r"exceeded your current quota", frozenset({"quota", "capacity"})),
    (r"not allowed to sample from this model", frozenset({"credential", "model"})),
)
_BY_STATUS: Mapping[int, frozenset[str]] = {
    400: frozenset({"caller"}),
    401: frozenset({"credential"}),
    402: frozenset({"quota"}),
    403: frozenset({"credential"}),
    404: frozenset({"model"}),
    413: frozenset({"caller", "context_length"}),
    422: frozenset({"caller"}),
}


def faults(status: int, body: str) -> frozenset[str]:
    """By its words first, then by its status."""
    for pattern, fault in _SAYS:
        if re.search(pattern, body, re.IGNORECASE):
            return fault
    return _BY_STATUS.get(status, frozenset({"capacity"}))


def delay(headers: Mapping[str, str], body: str) -> float | None:
    """Seconds to wait: `retry-after`, or Google's RetryInfo inside the body."""
    if headers.get("retry-after", "").isdigit():
        return float(headers["retry-after"])
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    for entry in answer if isinstance(answer, list) else [answer]:
        error: Any = entry.get("error") if isinstance(entry, dict) else None
        for detail in (error.get("details") or []) if isinstance(error, dict) else []:
            if isinstance(detail, dict) and "retryDelay" in detail:
                return float(str(detail["retryDelay"]).rstrip("s"))
    return None
