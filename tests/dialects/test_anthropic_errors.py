"""Errors as Anthropic's clients know them: shape, type, status, and the words that coding agents look for."""

from typing import Any

import orjson
import pytest

from gateway.dialects.anthropic_errors import is_anthropics
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.anthropic_overflow import in_anthropics_words
from gateway.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    Internal,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unsupported,
    UpstreamFailed,
)

DIALECT = AnthropicMessages()


def upstream(status: int, message: str = "x", **more: Any) -> UpstreamFailed:
    return UpstreamFailed(message, status=status, kind="whatever", retry=False, **more)


def shown(error: GatewayError) -> dict[str, Any]:
    body = orjson.loads(DIALECT.render_error(error))
    assert body["type"] == "error"
    found: dict[str, Any] = body["error"]
    return found


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x"), 400, "invalid_request_error"),
        (Unauthorized(), 401, "authentication_error"),
        (upstream(402), 402, "billing_error"),
        (Forbidden("x"), 403, "permission_error"),
        (NotFound("x"), 404, "not_found_error"),
        (Conflict("x"), 409, "conflict_error"),
        (TooLarge("x"), 413, "request_too_large"),
        (Unsupported("x"), 415, "invalid_request_error"),
        (upstream(429), 429, "rate_limit_error"),
        (Internal(), 500, "api_error"),
        (upstream(502), 502, "api_error"),
        (Unavailable("x", code="no_healthy_target"), 503, "api_error"),
        (Unavailable("x", code="overloaded"), 529, "overloaded_error"),
        (upstream(504), 504, "timeout_error"),
    ],
)
def test_each_status_has_anthropics_type(error: GatewayError, status: int, kind: str) -> None:
    assert error.status_in(DIALECT.name) == status
    assert shown(error)["type"] == kind
    assert error.status_in("openai_chat") == (503 if status == 529 else status)


def test_our_own_fields_stand_in_metadata() -> None:
    error = shown(NotFound("no", code="model_not_found", param="model", metadata={"attempts": []}))
    assert error == {
        "type": "not_found_error",
        "message": "no",
        "metadata": {"origin": "caller", "code": "model_not_found", "param": "model", "attempts": []},
    }


def test_an_upstreams_own_body_passes_and_stays_one_event() -> None:
    body = b'{\n  "type": "error",\r\n  "error": {"type": "overloaded_error", "message": "two\\nlines"}\n}'
    error = upstream(529, body=body)
    assert DIALECT.render_error(error) == body
    event = DIALECT.stream_error(error)
    name, data, *rest = event.split(b"\n")
    assert (name, rest) == (b"event: error", [b"", b""])
    assert orjson.loads(data.removeprefix(b"data: ")) == orjson.loads(body)


OVERFLOWS = {
    "This model's maximum context length is 40960 tokens. However, your messages resulted in 52341 tokens.": (
        "prompt is too long: 52341 tokens > 40960 maximum"
    ),
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens.": (
        "prompt is too long: 2049 tokens > 2048 maximum"
    ),
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (5000 in the messages, "
    "4000 in the completion).": "input length and `max_tokens` exceed context limit: 5000 + 4000 > 8192, decrease "
    "input length or `max_tokens` and try again",
    "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 2048 tokens "
    "and your request has 10 input tokens (5000 > 2048 - 10).": "input length and `max_tokens` exceed context limit: "
    "10 + 5000 > 2048, decrease input length or `max_tokens` and try again",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).": (
        "prompt is too long: 1200000 tokens > 1048576 maximum"
    ),
    "prompt is too long: 210000 tokens > 200000 maximum": "prompt is too long: 210000 tokens > 200000 maximum",
    "The total length is too much.": "prompt is too long: The total length is too much.",
    "max_tokens=5000 cannot be greater than max_model_len=2048.": (
        "max_tokens=5000 cannot be greater than max_model_len=2048."
    ),
}


@pytest.mark.parametrize("message", OVERFLOWS)
def test_what_does_not_fit_is_told_with_its_numbers(message: str) -> None:
    assert in_anthropics_words(message) == OVERFLOWS[message]
    error = upstream(400, message, code="context_length_exceeded")
    assert shown(error)["message"] == OVERFLOWS[message]
    assert shown(upstream(400, message, code="invalid_request"))["message"] == message


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/v1/messages", {}, True),
        ("/providers/qwen/v1/messages/count_tokens", {}, True),
        ("/anthropic/v1/nothing", {}, True),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/models", {}, False),
        ("/v1/chat/completions", {}, False),
    ],
)
def test_who_expects_anthropics_words(path: str, headers: dict[str, str], expected: bool) -> None:
    assert is_anthropics(path, headers) is expected
