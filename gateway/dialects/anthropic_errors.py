"""Errors in Anthropic's shape: https://docs.anthropic.com/en/api/errors"""

from collections.abc import Mapping
from types import MappingProxyType

import orjson

from gateway.dialects.anthropic_overflow import in_anthropics_words
from gateway.errors import GatewayError, UpstreamFailed

_TYPES: Mapping[int, str] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        409: "conflict_error",
        413: "request_too_large",
        429: "rate_limit_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
_ROUTES = ("/messages", "/messages/count_tokens")


def is_anthropics(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a caller expects Anthropic's words, on any route: by its path, or by the header that its clients send."""
    return "anthropic-version" in headers or path.startswith("/anthropic/") or path.rstrip("/").endswith(_ROUTES)


def render_error(error: GatewayError) -> bytes:
    """`{"type": "error", "error": {type, message, metadata}}`, or the upstream's own body where that passes through.

    Anthropic has no fields for a code and a parameter; ours stand in `metadata`.
    """
    if isinstance(error, UpstreamFailed) and error.body is not None:
        return error.body
    named = {name: value for name, value in (("code", error.code), ("param", error.param)) if value is not None}
    return orjson.dumps(
        {
            "type": "error",
            "error": {
                "type": _type(error),
                "message": _message(error),
                "metadata": {"origin": error.origin, **named, **error.metadata},
            },
        }
    )


def event_of_error(error: GatewayError) -> bytes:
    """The event that ends a stream which broke. An upstream's own body may have line breaks, which would end it."""
    data = render_error(error)
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r", b" ").replace(b"\n", b" ")  # in JSON they can only stand between tokens
    return b"event: error\ndata: %b\n\n" % data


def _type(error: GatewayError) -> str:
    status = error.status_in("anthropic_messages")
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _message(error: GatewayError) -> str:
    return in_anthropics_words(error.message) if error.code == "context_length_exceeded" else error.message
