"""What Gemini's errors mean, and that none repeats a secret."""

import pytest

from backends.errors import Fault
from backends.providers.gemini import GeminiAdapter
from tests.backends.gemini.common_form import FIXTURES


@pytest.mark.parametrize(
    ("name", "status", "fault", "wait_s"),
    [
        ("key", 400, Fault.CREDENTIAL, None),
        ("model", 404, Fault.MODEL, None),
        ("rate_limited", 429, Fault.CAPACITY, 48.0),
        ("daily_quota", 429, Fault.QUOTA, 48.0),
        ("too_long", 400, Fault.CONTEXT_LENGTH, None),
        ("temperature", 400, Fault.CALLER, None),
        ("location", 400, Fault.CREDENTIAL, None),
        ("overloaded", 503, Fault.CAPACITY, None),
    ],
)
def test_errors_are_sorted_by_whose_fault_they_are(name: str, status: int, fault: Fault, wait_s: float | None) -> None:
    body = (FIXTURES / "gemini" / f"error_{name}.json").read_bytes()
    for form in (body, b"[" + body + b"]"):  # a stream without alt=sse has its errors in an array
        refused = GeminiAdapter().parse_error(status, {}, form)
        assert (refused.fault, refused.retry_after_s, refused.reply.status) == (fault, wait_s, status)
        assert refused.reply.body is None
        assert (refused.reply.message is None) == (fault is Fault.CREDENTIAL)


def test_the_headers_wait_wins_over_the_bodys() -> None:
    body = (FIXTURES / "gemini" / "error_rate_limited.json").read_bytes()
    assert GeminiAdapter().parse_error(429, {"retry-after": "3"}, body).retry_after_s == 3


def test_a_key_is_not_repeated() -> None:
    body = b'{"error": {"code": 400, "message": "bad key AIzaSyFixture0123456789", "status": "INVALID_ARGUMENT"}}'
    refused = GeminiAdapter().parse_error(400, {}, body)
    assert refused.reply.message is None
    assert "AIza" not in f"{refused!r}{refused}"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"[7]", b'{"error": 7}', b'{"error": {"details": 7}}'])
def test_an_error_without_a_readable_body_is_still_one(body: bytes) -> None:
    assert GeminiAdapter().parse_error(500, {}, body).fault is Fault.CAPACITY
