"""Error answers: whose fault, what survives, what must not leave."""

import pytest

from backends.errors import Fault
from backends.providers.openai.errors import read_error, retry_after

OVERFLOW = (
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens.","type":"invalid_request_error",'
    b'"param":"messages","code":"context_length_exceeded"}}'
)


def test_the_identity_of_a_context_overflow_survives_and_its_body_passes_unchanged() -> None:
    error = read_error(400, {"x-request-id": "up-1"}, OVERFLOW)
    assert error.fault is Fault.CONTEXT_LENGTH
    assert not error.another_target_may_help
    assert error.reply.body == OVERFLOW
    assert error.reply.request_id == "up-1"


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, b'{"error":{"message":"bad","code":"content_filter"}}', Fault.CONTENT_POLICY),
        (400, b'{"error":{"message":"temperature too high","code":null}}', Fault.CALLER),
        (401, b'{"error":{"message":"Incorrect API key provided: sk-abc***xyz"}}', Fault.CREDENTIAL),
        (403, b"{}", Fault.CREDENTIAL),
        (404, b'{"error":{"code":"model_not_found","message":"no"}}', Fault.MODEL),
        (429, b'{"error":{"code":"rate_limit_exceeded","message":"slow down"}}', Fault.CAPACITY),
        (429, b'{"error":{"code":"insufficient_quota","message":"pay"}}', Fault.QUOTA),
        (500, b"<html>oops</html>", Fault.CAPACITY),
        (529, b"", Fault.CAPACITY),
    ],
)
def test_each_failure_is_classified_by_whose_fault_it_is(status: int, body: bytes, fault: Fault) -> None:
    assert read_error(status, {}, body).fault is fault


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefgh12345678",
        "<html><body>Bad gateway</body></html>",
        "Authorization: Bearer abc.def.ghi was refused",
        "key AIzaSyA1234567890abcdef is bad",
    ],
)
def test_text_that_could_carry_a_key_or_a_page_is_dropped(text: str) -> None:
    reply = read_error(400, {}, b'{"error":{"message":"' + text.encode() + b'","code":"bad"}}').reply
    assert reply.message is None
    assert reply.body is None


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"[1]", b'"x"', b'{"error":"Unauthorized"}', b'{"detail":[1]}'])
def test_odd_shapes_are_read_without_failing(body: bytes) -> None:
    assert read_error(500, {}, body).reply.status == 500


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds_milliseconds_and_dates(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
