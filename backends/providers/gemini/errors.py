"""What Gemini's and Vertex' errors mean. Their shape is google.rpc.Status in JSON, in an array where a stream was asked
for without `alt=sse`: `{"error": {"code": 400, "message": …, "status": "INVALID_ARGUMENT", "details": […]}}`.

https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from backends.errors import Fault, Refused
from backends.providers.openai import errors as openai

_TOO_LONG = re.compile(r"(?i)input token count.{0,40}exceeds|exceeds the maximum number of (?:input )?tokens")
_KEY_REASONS = re.compile(r"API_KEY_|ACCESS_TOKEN_|SERVICE_DISABLED|BILLING_DISABLED|CONSUMER_|USER_PROJECT_DENIED")
_NOT_HERE = re.compile(r"(?i)location is not supported|enable billing")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Classify an error answer."""
    refused = openai.read_error(status, headers, body)
    return _as_google_means_it(refused, _error_object(body))


def error_in_answer(answer: Mapping[str, Any]) -> Refused:
    """An error object inside a 200, or inside a stream."""
    refused = openai.error_in_answer(answer)
    error = answer["error"]
    return _as_google_means_it(refused, error if isinstance(error, dict) else {})


def _as_google_means_it(refused: Refused, error: Mapping[str, Any]) -> Refused:
    details = list(_details(error))
    reason = next((str(detail["reason"]) for detail in details if isinstance(detail.get("reason"), str)), None)
    fault = _fault(refused, str(error.get("message") or ""), reason, details)
    message = None if fault is Fault.CREDENTIAL else refused.reply.message
    # Google's codes are statuses again; the one word that says more is ErrorInfo's reason.
    reply = replace(refused.reply, code=reason, type=None, message=message, body=None)
    wait = refused.retry_after_s
    return Refused(reply, fault, _retry_delay(details) if wait is None else wait)


def _fault(refused: Refused, message: str, reason: str | None, details: list[Mapping[str, Any]]) -> Fault:
    status = refused.reply.status
    if status == 400:
        # A bad key is a 400 here, and so is a caller's country that Google does not serve: ours, that is.
        if reason is not None and _KEY_REASONS.match(reason):
            return Fault.CREDENTIAL
        if _NOT_HERE.search(message):
            return Fault.CREDENTIAL
        if _TOO_LONG.search(message):
            return Fault.CONTEXT_LENGTH
    if status == 429 and any(_is_lasting(detail) for detail in details):
        return Fault.QUOTA
    if status == 499:  # CANCELLED: by them, since we would not be reading
        return Fault.CAPACITY
    return refused.fault


def _is_lasting(detail: Mapping[str, Any]) -> bool:
    """A quota by the day, or one of nothing: no wait of a request's length heals it."""
    violations = detail.get("violations")
    if not isinstance(violations, list):
        return False
    found = [violation for violation in violations if isinstance(violation, Mapping)]
    return any("PerDay" in str(violation.get("quotaId")) or violation.get("quotaValue") == "0" for violation in found)


def _retry_delay(details: list[Mapping[str, Any]]) -> float | None:
    """google.rpc.RetryInfo: `"retryDelay": "48s"`, with no `retry-after` beside it."""
    for detail in details:
        delay = detail.get("retryDelay")
        found = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None:
            return float(found[1])
    return None


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    if isinstance(details, list):
        for detail in details:
            if isinstance(detail, Mapping):
                yield detail


def _error_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(answer, list) and answer:
        answer = answer[0]
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}
