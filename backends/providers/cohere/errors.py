"""What an error of Cohere's means: `{"id", "message"}`, at times with an `error_type`.

https://docs.cohere.com/reference/errors
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from backends.errors import Fault, Refused, UpstreamReply
from backends.providers.openai.errors import read_error as read_openai_error

_TOO_LONG = re.compile(r"(?i)^too many tokens|number of tokens .* (?:exceed|cannot)")
_USED_UP = re.compile(r"(?i)trial key|billing|monthly|limited to .* month")
_INVALID_TOKEN = 498
_CLIENT_CLOSED = 499


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """An error answer, classified by whose fault it is."""
    error = _object(body)
    kind = error.get("error_type")
    # The answer's id in `code`'s place would be taken for a code.
    plain = {"message": error.get("message"), "type": kind if isinstance(kind, str) else None}
    refused = read_openai_error(status, headers, orjson.dumps({"error": plain}))
    message = refused.reply.message or ""
    fault = _fault(status, kind, message) or refused.fault
    given = error.get("id")
    reply = replace(
        refused.reply,
        code="context_length_exceeded" if fault is Fault.CONTEXT_LENGTH else None,
        message=None if fault is Fault.CREDENTIAL else refused.reply.message,
        request_id=headers.get("x-debug-trace-id") or (given if isinstance(given, str) else None),
        body=None,
    )
    return Refused(reply, fault, refused.retry_after_s)


def failed_answer(reason: str) -> Refused:
    """`ERROR`, `ERROR_TOXIC`, `TIMEOUT` as the finish reason of a 200: there is no more to know."""
    toxic = reason == "ERROR_TOXIC"
    message = f"Cohere broke off its answer ({reason[:40]})."
    reply = UpstreamReply(400 if toxic else 500, None, reason[:40], None, message, None, None)
    return Refused(reply, Fault.CONTENT_POLICY if toxic else Fault.CAPACITY)


def _fault(status: int, kind: Any, message: str) -> Fault | None:
    if status in (400, 413, 422) and (kind == "TOO_MANY_TOKENS" or _TOO_LONG.search(message)):
        return Fault.CONTEXT_LENGTH
    if status == _INVALID_TOKEN:
        return Fault.CREDENTIAL
    if status == _CLIENT_CLOSED:
        return Fault.CAPACITY
    if status == 429 and _USED_UP.search(message) and "minute" not in message:
        return Fault.QUOTA
    return None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
