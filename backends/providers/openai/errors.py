"""What an error answer means: whose fault it is, and how much of it may be repeated to a caller."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from backends.errors import Fault, Refused, UpstreamReply

_LONGEST_REPEATED = 8192
_MUST_NOT_LEAVE = re.compile(
    rb"(?i)<!doctype|<html|<body|bearer\s+\S|api[-_ ]?key\W{1,3}\S*\*|AIza[\w*-]{8,}"
    rb"|\b(?:sk|pk|rk|hf|gsk|xai|key|nvapi|hr|hra)[-_][a-z0-9_*.-]{6,}"
)
_CONTEXT_LENGTH = re.compile(r"(?i)maximum context length|context[_ ]length|context window|prompt is too long")
_CONTENT_POLICY = frozenset({"content_filter", "content_policy_violation", "responsible_ai_policy_violation"})


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Classify an error answer. Its text is kept only where it can carry neither a key nor a page of HTML."""
    error = _error_object(body)
    safe = len(body) <= _LONGEST_REPEATED and not _MUST_NOT_LEAVE.search(body)
    code, kind = _text(error, "code"), _text(error, "type")
    message = _text(error, "message")
    fault = _fault(status, code, kind, message or "")
    repeatable = safe and fault is not Fault.CREDENTIAL
    reply = UpstreamReply(
        status=status,
        code=code,
        type=kind,
        param=_text(error, "param"),
        message=message if repeatable else None,
        request_id=headers.get("x-request-id") or headers.get("request-id"),
        body=body if repeatable and isinstance(error.get("code"), str) and message else None,
    )
    return Refused(reply, fault, retry_after(headers))


def error_in_answer(answer: Mapping[str, Any]) -> Refused:
    """An error object inside a 200, or inside a stream. Its own code may name the status it stands for."""
    error = answer["error"]
    code = error.get("code") if isinstance(error, dict) else None
    status = int(code) if isinstance(code, int | str) and re.fullmatch(r"[45]\d\d", str(code)) else 500
    return read_error(status, {}, orjson.dumps({"error": error}))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (RFC 9110 10.2.3: seconds, or a date).

    A date is measured against the answer's own `date` header, so that no clock of ours is needed.
    """
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.replace(".", "", 1).isdigit():
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"])).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None


def _error_object(body: bytes) -> Mapping[str, Any]:
    """The error in the shapes that are met: `{"error": {...}}`, `{"error": "text"}`, `{"detail": ...}`, flat."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return {}
    error = answer.get("error", answer.get("detail", answer))
    if isinstance(error, dict):
        return error
    return {"message": error} if isinstance(error, str) else {}


def _text(error: Mapping[str, Any], name: str) -> str | None:
    value = error.get(name)
    return str(value)[:2000] if isinstance(value, str | int) and value != "" else None


def _fault(status: int, code: str | None, kind: str | None, message: str) -> Fault:
    if status < 400:  # a redirect, say: never followed, and no fault of the caller's
        return Fault.CAPACITY
    if status in (401, 403):
        return Fault.CREDENTIAL
    if status == 402 or code == "insufficient_quota" or kind == "insufficient_quota":
        return Fault.QUOTA
    if status == 404:
        return Fault.MODEL
    if status in (408, 409, 425, 429) or status >= 500:
        return Fault.CAPACITY
    if code == "context_length_exceeded" or (status in (400, 413) and _CONTEXT_LENGTH.search(message)):
        return Fault.CONTEXT_LENGTH
    if code in _CONTENT_POLICY:
        return Fault.CONTENT_POLICY
    return Fault.CALLER
