"""What an error answer of Anthropic's means. https://platform.claude.com/docs/en/api/errors

`{"type": "error", "error": {"type": ..., "message": ...}, "request_id": ...}`; there are no codes. How much of it may
be repeated is judged as for everybody (providers/openai/errors.py).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import orjson

from backends.errors import Fault, Refused
from backends.providers.openai.errors import read_error as read_plainly

OVERLOADED = 529
_STATUS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "conflict_error": 409,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": OVERLOADED,
    }
)
"""What an error that arrives inside a 200 would have been."""
_OUT_OF_MONEY = re.compile(r"(?i)credit balance is too low|usage limits|spend limit")
_TOO_LONG = re.compile(r"(?i)prompt is too long|exceed context limit|context window")
_POLICY = re.compile(r"(?i)content filtering policy|usage policy")
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Classify an error answer."""
    plain = read_plainly(status, headers, body)
    answer = _object(body)
    reply = replace(plain.reply, code=None, request_id=plain.reply.request_id or _text(answer.get("request_id")))
    own_shape = answer.get("type") == "error" and isinstance(answer.get("error"), dict)
    if own_shape and reply.message is not None:  # then the whole was found fit to be repeated
        reply.body = body
    wait_s = plain.retry_after_s
    if wait_s is None and status == 429:
        wait_s = _until_reset(headers)
    refused = Refused(reply, _fault(plain.fault, status, answer, reply.message or ""), wait_s)
    if status == OVERLOADED:  # turned away before any work was done
        refused.may_have_billed = False
    return refused


def error_in_answer(answer: Mapping[str, Any]) -> Refused:
    """An error object inside a 200, or inside a stream: its type names the status it stands for."""
    error = answer.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    return read_error(_STATUS.get(str(kind), 500), {}, orjson.dumps(dict(answer)))


def _fault(plain: Fault, status: int, answer: Mapping[str, Any], message: str) -> Fault:
    if status in (400, 413):
        # Money is a 400 here: an empty balance, and a limit that the organisation set itself.
        if _OUT_OF_MONEY.search(message):
            return Fault.QUOTA
        if _TOO_LONG.search(message):
            return Fault.CONTEXT_LENGTH
        if _POLICY.search(message):
            return Fault.CONTENT_POLICY
    if status == 429:
        details = answer["error"].get("details") if isinstance(answer.get("error"), dict) else None
        code = details.get("error_code") if isinstance(details, dict) else None
        if isinstance(code, str) and "spend_limit" in code:
            return Fault.QUOTA
    return plain


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit that is used up is renewed, measured against the answer's own date.

    https://platform.claude.com/docs/en/api/rate-limits#response-headers
    """
    waits = []
    for limit in _LIMITS:
        if headers.get(f"anthropic-ratelimit-{limit}-remaining", "").strip() == "0":
            try:
                reset = datetime.fromisoformat(headers[f"anthropic-ratelimit-{limit}-reset"])
                waits.append((reset - parsedate_to_datetime(headers["date"])).total_seconds())
            except (KeyError, TypeError, ValueError):
                continue
    return max(0.0, *waits) if waits else None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
