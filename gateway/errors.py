"""What we tell the client. A dialect renders it; nobody else builds an error body.

GatewayError
├── InvalidRequest        400   the caller's bytes or fields
├── Unauthorized          401   one answer for missing, unknown, revoked and expired keys
├── Forbidden             403   it will not heal by waiting
├── NotFound              404   names the nearest
├── MethodNotAllowed      405
├── Conflict              409
├── TooSlow               408   the caller was too slow to send
├── TooLarge              413
├── Unsupported           415
├── Unavailable           503   with retry-after
├── Internal              500   ours
└── UpstreamFailed        4xx/5xx   what is left to say when every attempt has failed
"""

from collections.abc import Mapping
from typing import Any


class GatewayError(Exception):
    """An answer that is an error: status, code, and a message that a client can act on.

    `param` names the field at fault. `metadata` goes into `error.metadata` beside `origin`.
    `retry` becomes `x-should-retry`, which the official clients obey.
    """

    status = 500
    code = "internal_error"
    type = "api_error"
    origin = "gateway"
    retry = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.param = param
        self.headers: dict[str, str] = dict(headers or {})
        self.metadata: dict[str, Any] = dict(metadata or {})

    def status_in(self, dialect: str) -> int:  # noqa: ARG002  few dialects have a status of their own
        """The status, as callers who speak this dialect know it."""
        return self.status


class InvalidRequest(GatewayError):
    """400: the request itself; `param` names the field."""

    status, code, type, origin = 400, "invalid_request", "invalid_request_error", "caller"


class Unauthorized(GatewayError):
    """401: missing, unknown, revoked, expired, disabled: one answer, so that nothing can be learned from it."""

    status, code, type, origin = 401, "invalid_api_key", "authentication_error", "caller"

    def __init__(self) -> None:
        super().__init__(
            "No valid API key in the request. Send one as 'Authorization: Bearer hr-...' or 'x-api-key'.",
            headers={"www-authenticate": "Bearer"},
        )


class Forbidden(GatewayError):
    """403: this key may not; waiting will not change it."""

    status, code, type, origin = 403, "model_not_allowed", "permission_error", "caller"


class NotFound(GatewayError):
    """404: no such route, model or record."""

    status, code, type, origin = 404, "unknown_route", "invalid_request_error", "caller"


class MethodNotAllowed(GatewayError):
    """405, with the methods that are."""

    status, code, type, origin = 405, "method_not_allowed", "invalid_request_error", "caller"


class TooSlow(GatewayError):
    """408: the caller was too slow to send."""

    status, code, type, origin = 408, "request_timeout", "invalid_request_error", "caller"


class Conflict(GatewayError):
    """409: the state of things forbids it."""

    status, code, type, origin = 409, "conflict", "invalid_request_error", "caller"


class TooLarge(GatewayError):
    """413: the body is over the limit, after decoding."""

    status, code, type, origin = 413, "request_too_large", "invalid_request_error", "caller"


class Unsupported(GatewayError):
    """415: a media type or content coding that we do not take."""

    status, code, type, origin = 415, "unsupported_media_type", "invalid_request_error", "caller"


class Internal(GatewayError):
    """500: ours. The log has the story under the request id."""

    def __init__(self) -> None:
        super().__init__("The gateway failed to handle this request. Its log has the reason under this request's id.")


class Unavailable(GatewayError):
    """503: it will heal; `retry-after` says when to look again."""

    status, code, retry = 503, "overloaded", True

    def __init__(self, message: str, *, code: str, retry_after_s: int = 1, **more: Any) -> None:
        super().__init__(message, code=code, headers={"retry-after": str(retry_after_s)}, **more)

    def status_in(self, dialect: str) -> int:
        """Anthropic's clients know an overload by 529 (https://docs.anthropic.com/en/api/errors)."""
        return 529 if self.code == "overloaded" and dialect.startswith("anthropic") else self.status


class UpstreamFailed(GatewayError):
    """Every attempt failed; status and code say how the last one did.

    `body` is the upstream's own error body, passed through unchanged where dialect and protocol are the same.
    """

    code, origin = "upstream_error", "provider"

    def __init__(
        self, message: str, *, status: int, kind: str, retry: bool, body: bytes | None = None, **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.status = status
        self.type = kind
        self.retry = retry
        self.body = body
