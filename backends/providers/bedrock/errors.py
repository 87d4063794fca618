"""What an error of Bedrock's means. Its type stands in a header, or in a stream in the message's own headers.

https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from backends.errors import Fault, Refused
from backends.providers.openai.errors import read_error as read_openai_error

_FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "AccessDeniedException": Fault.CREDENTIAL,
        "ExpiredTokenException": Fault.CREDENTIAL,
        "IncompleteSignatureException": Fault.CREDENTIAL,
        "InternalServerException": Fault.CAPACITY,
        "InvalidClientTokenId": Fault.CREDENTIAL,
        "InvalidSignatureException": Fault.CREDENTIAL,
        "MissingAuthenticationTokenException": Fault.CREDENTIAL,
        "ModelErrorException": Fault.CAPACITY,
        "ModelNotReadyException": Fault.CAPACITY,
        "ModelStreamErrorException": Fault.CAPACITY,
        "ModelTimeoutException": Fault.CAPACITY,
        "OptInRequired": Fault.CREDENTIAL,
        "ResourceNotFoundException": Fault.MODEL,
        "ServiceQuotaExceededException": Fault.QUOTA,
        "ServiceUnavailableException": Fault.CAPACITY,
        "ThrottlingException": Fault.CAPACITY,
        "UnrecognizedClientException": Fault.CREDENTIAL,
    }
)
_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "ModelStreamErrorException": 424,
        "ServiceUnavailableException": 503,
        "ThrottlingException": 429,
        "ValidationException": 400,
    }
)
"""Of those that come inside a stream; the service's own description has them."""
_UNKNOWN_MODEL = re.compile(r"(?i)model identifier is invalid|on-demand throughput isn.t supported|end of its life")
_TOO_LONG = re.compile(
    r"(?i)input is too long|prompt is too long|too many (?:input )?tokens|context (?:length|window)"
    r"|maximum (?:context|input|prompt) (?:length|tokens)|expected maxLength"
)
_BY_THE_DAY = re.compile(r"(?i)per day")
# An account's number in a resource's name is nobody's business but its owner's; an access key's id even less so.
_ACCOUNT = re.compile(r"(?<=:)\d{12}(?=[:/])")
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA|ABSK)[A-Za-z0-9+/=]{8,}")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """An error answer: `{"message": ...}`, its type in `x-amzn-errortype`, followed by a colon and a namespace."""
    error = _object(body)
    kind = headers.get("x-amzn-errortype") or error.get("__type") or ""
    kind = str(kind).split(":", 1)[0].rpartition("#")[2]
    message = error.get("message") or error.get("Message")
    return _refused(status, headers, kind, message if isinstance(message, str) else None)


def error_in_stream(headers: Mapping[str, str], payload: bytes) -> Refused:
    """A message of type `exception` (its `:exception-type` begins with a small letter), or an unmodelled `error`."""
    if headers.get(":message-type") == "error":
        kind, message = headers.get(":error-code", ""), headers.get(":error-message")
    else:
        kind, message = headers.get(":exception-type", ""), _object(payload).get("message")
    kind = kind[:1].upper() + kind[1:]
    return _refused(_STATUSES.get(kind, 500), {}, kind, message if isinstance(message, str) else None)


def _refused(status: int, headers: Mapping[str, str], kind: str, message: str | None) -> Refused:
    if message is not None:
        message = _KEY_ID.sub("***", _ACCOUNT.sub("***", message))
    refused = read_openai_error(status, headers, orjson.dumps({"error": {"message": message, "type": kind or None}}))
    fault = _fault(kind, message or "") or (Fault.CAPACITY if status == 424 else refused.fault)
    reply = replace(
        refused.reply,
        code="context_length_exceeded" if fault is Fault.CONTEXT_LENGTH else None,
        message=None if fault is Fault.CREDENTIAL else refused.reply.message,
        request_id=headers.get("x-amzn-requestid"),
        body=None,
    )
    return Refused(reply, fault, refused.retry_after_s)


def _fault(kind: str, message: str) -> Fault | None:
    if kind in ("ValidationException", ""):
        if _UNKNOWN_MODEL.search(message):
            return Fault.MODEL
        if _TOO_LONG.search(message):
            return Fault.CONTEXT_LENGTH
    if kind == "ThrottlingException" and _BY_THE_DAY.search(message):
        return Fault.QUOTA
    return _FAULTS.get(kind)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
