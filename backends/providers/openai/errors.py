"""What an error answer means: whose fault it is, and how much of it may be repeated to a caller."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.errors import Fault, Refused, UpstreamReply
from backends.providers.openai.choices import FAILURES
from backends.providers.openai.faults import fault_of
from backends.providers.openai.waits import retry_after, until_reset, wait_in_words

__all__ = ["error_in_answer", "failure_in_choice", "find_error", "read_error", "retry_after"]

_LONGEST_REPEATED = 8192
_MUST_NOT_LEAVE = re.compile(
    rb"(?i)<!doctype|<html|<body|bearer\s+\S|api[-_ ]?key\W{1,3}\S*\*|AIza[\w*-]{8,}"
    rb"|\b(?:sk|pk|rk|hf|gsk|xai|key|nvapi|hr|hra)[-_][a-z0-9_*.-]{6,}"
)
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "cf-ray")
_LIMITED = (429, 498, 503, 529)

_STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "content_filter": 400,
        "context_length_exceeded": 400,
        "model_not_found": 404,
        "authentication_error": 401,
        "permission_error": 403,
        "not_found_error": 404,
        "rate_limit_exceeded": 429,
        "rate_limit_error": 429,
        "insufficient_quota": 429,
        "overloaded": 503,
        "overloaded_error": 503,
        "engine_overloaded_error": 503,
    }
)
"""The status that an error inside a 200 stands for, where it names none."""

_MINIMAX_STATUS: Mapping[int, int] = MappingProxyType({1002: 429, 1004: 401, 2049: 401, 1008: 402, 2056: 429})
"""https://platform.minimax.io/docs/api-reference/errorcode; the others are the request's own fault, or its 1000s."""


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Classify an error answer. Its text is kept only where it can carry neither a key nor a page of HTML."""
    answer = _answer(body)
    error = _error_object(answer)
    safe = len(body) <= _LONGEST_REPEATED and not _MUST_NOT_LEAVE.search(body)
    code, kind = _text(error, "code"), _text(error, "type")
    message = _text(error, "message")
    fault = fault_of(status, _words(error, code, kind), f"{message or ''} {_nested(error)}")
    repeatable = safe and fault is not Fault.CREDENTIAL
    own_shape = isinstance(answer.get("error"), dict) and isinstance(error.get("code"), str)
    reply = UpstreamReply(
        status=status,
        code=code,
        type=kind,
        param=_text(error, "param"),
        message=message if repeatable else None,
        request_id=next(filter(None, map(headers.get, _REQUEST_IDS)), None) or _text(answer, "request_id"),
        body=body if repeatable and own_shape and message else None,
    )
    return Refused(reply, fault, _wait_s(status, headers, message or ""))


def find_error(answer: Mapping[str, Any]) -> Refused | None:
    """An error in place of an answer, or of a chunk of one."""
    if answer.get("error"):
        return error_in_answer(answer)
    base = answer.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code"):  # MiniMax says so in every answer, 0 being none
        code = base["status_code"]
        known = isinstance(code, int)
        status = (_MINIMAX_STATUS.get(code, 500 if code < 1026 else 400)) if known else 500
        return read_error(status, {}, orjson.dumps({"error": {"code": str(code), "message": base.get("status_msg")}}))
    return None


def failure_in_choice(choice: Mapping[str, Any]) -> Refused | None:
    """An error in a choice (OpenRouter), or a finish reason that says that no answer was made."""
    if choice.get("error") and isinstance(choice["error"], dict):
        return error_in_answer(choice)
    finish = choice.get("finish_reason")
    if finish and isinstance(finish, str) and finish in FAILURES:
        said = str(choice.get("native_finish_reason") or finish)
        return read_error(502, {}, orjson.dumps({"error": {"code": said, "message": f"The model stopped: {said}."}}))
    return None


def error_in_answer(answer: Mapping[str, Any]) -> Refused:
    """An error object inside a 200, or inside a stream. It may name the status that it stands for."""
    error = answer["error"]
    named: list[Any] = []
    if isinstance(error, dict):
        named = [error.get("code"), error.get("status_code"), error.get("status"), error.get("type")]
    named += [answer.get("code"), answer.get("status_code"), answer.get("error_type")]
    status = next((int(said) for said in map(str, named) if re.fullmatch(r"[45]\d\d", said)), None)
    if status is None:
        status = next((_STATUS_OF[said] for said in map(str, named) if said in _STATUS_OF), 500)
    told = {"error": error} | ({} if isinstance(error, dict) else {"code": _text(answer, "code")})
    return read_error(status, {}, orjson.dumps(told, default=str))


def _wait_s(status: int, headers: Mapping[str, str], message: str) -> float | None:
    wait_s = retry_after(headers)
    if wait_s is None and status in _LIMITED:
        wait_s = until_reset(headers)
        if wait_s is None:
            wait_s = wait_in_words(message)
    return wait_s


def _answer(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(answer, list) and answer:  # Gemini's endpoint
        answer = answer[0]
    return answer if isinstance(answer, dict) else {}


def _error_object(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error in the shapes that are met.

    `{"error": {...}}`, `{"error": "text", "code": ...}` (xAI), `{"detail": "text"}` and `{"detail": [{"msg": ...}]}`
    (FastAPI; Mistral), `{"errors": [{...}]}` (Cloudflare), `{"error_code": ..., "message": ...}` (Databricks), flat.
    """
    error = answer.get("error", answer.get("detail", answer.get("errors", answer)))
    if isinstance(error, list):
        error = next((entry for entry in error if isinstance(entry, dict)), {})
        place = error.get("loc")
        param = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else None
        error = {"param": param, **error, "message": error.get("message") or error.get("msg")}
    elif isinstance(error, str):
        error = {"message": error, "code": answer.get("code"), "type": answer.get("type") or answer.get("error_type")}
    if not isinstance(error, dict):
        return {}
    return {**error, "code": error["error_code"]} if "error_code" in error and "code" not in error else error


def _words(error: Mapping[str, Any], code: str | None, kind: str | None) -> tuple[str, ...]:
    inner = error.get("innererror")
    inner_code = _text(inner, "code") if isinstance(inner, Mapping) else None
    return tuple(word for word in (inner_code, code, kind) if word)


def _nested(error: Mapping[str, Any]) -> str:
    """What the provider behind OpenRouter said: read, never repeated, since it may name the operator's account."""
    metadata = error.get("metadata")
    return (_text(metadata, "raw") or "") if isinstance(metadata, Mapping) else ""


def _text(error: Mapping[str, Any], name: str) -> str | None:
    value = error.get(name)
    return str(value)[:2000] if isinstance(value, str | int) and value != "" else None
