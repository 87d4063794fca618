"""Answers that are errors, in the shape that OpenAI gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

_KINDS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request could not be understood."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Access from here is not supported."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    408: ("server_error", "timeout", "The request took too long."),
    409: ("server_error", "conflict", "The request was in conflict with another one."),
    413: ("invalid_request_error", None, "The request is too large."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached on requests per min (RPM). Please try again in 1s."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    502: ("server_error", None, "Bad gateway."),
    503: ("server_error", "overloaded", "The engine is currently overloaded, please try again later."),
    504: ("server_error", None, "The gateway timed out."),
}
_RETRY_AFTER_S: Mapping[int, int] = {429: 1, 503: 1}


@dataclass(eq=False)
class Refusal(Exception):
    """One error answer, on its way out."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None

    def headers(self) -> dict[str, str]:
        """What stands in the head beside the content type."""
        wait = _RETRY_AFTER_S.get(self.status)
        return {} if wait is None else {"retry-after": str(wait)}

    def body(self) -> bytes:
        """OpenAI's error object."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


def ordered(status: int) -> Refusal:
    """The error that the routing file asked for; its text says that nothing real went wrong."""
    kind, code, message = _KINDS.get(status, _KINDS[400] if status < 500 else _KINDS[500])
    return Refusal(status, f"{message} (An error ordered of the Headrace sandbox.)", kind, code)


def invalid(message: str, param: str | None, code: str | None = None) -> Refusal:
    """A 400 that names the field at fault."""
    return Refusal(400, message, code=code, param=param)
