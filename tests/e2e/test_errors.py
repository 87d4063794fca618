"""Errors as CONTRACT 4 has them: status, code, shape, whether to try again, and nothing that must not leave."""

from typing import Any

import pytest

from tests.support import scripts
from tests.support.caller import Answer, Caller
from tests.support.gateway import UPSTREAM_SECRET, Gateway
from tests.support.upstream import Script, Upstream


def assert_error(answer: Answer, status: int, code: str | None, *, retry: bool, origin: str) -> dict[str, Any]:
    """The rules every error keeps."""
    assert answer.status == status, answer.body
    error = answer.error
    assert error["code"] == code
    assert {"message", "type", "param", "code"} <= set(error)
    assert isinstance(error["message"], str)
    assert error["message"]
    assert answer.headers["x-should-retry"] == ("true" if retry else "false")
    assert answer.headers["x-request-id"]
    if origin != "passed through":
        assert error["metadata"]["origin"] == origin
    return error


def test_missing_unknown_and_malformed_keys_get_one_answer(gateway: Gateway, model: str) -> None:
    def refuse(key: str | None) -> dict[str, Any]:
        return assert_error(
            Caller(gateway.base_url, key).chat(model), 401, "invalid_api_key", retry=False, origin="caller"
        )

    errors = [refuse(key) for key in (None, "hr-" + "A" * 43, "sk-something-else", "hr-")]
    assert all(error == errors[0] for error in errors)


def test_the_key_is_checked_before_the_body_is_read(gateway: Gateway) -> None:
    answer = Caller(gateway.base_url, "hr-wrong").post("/v1/chat/completions", b"{not json")
    assert answer.status == 401


def test_an_unknown_route_is_404_with_a_json_error(app: Caller) -> None:
    answer = app.post("/v1/chat/completion", {"model": "named", "messages": []})
    error = assert_error(answer, 404, "unknown_route", retry=False, origin="caller")
    assert "/v1/chat/completions" in error["message"]


def test_a_wrong_method_is_405_and_names_the_right_one(app: Caller) -> None:
    answer = app.get("/v1/chat/completions")
    assert_error(answer, 405, "method_not_allowed", retry=False, origin="caller")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstreams_400_keeps_its_body_and_goes_nowhere_else(
    app: Caller, upstream: Upstream, pair: str, *, stream: bool
) -> None:
    upstream.script(
        pair,
        scripts.openai_error(400, "Invalid 'temperature'.", code="decimal_above_max_value", param="temperature"),
    )
    answer = app.chat(pair, temperature=99, stream=stream)
    error = assert_error(answer, 400, "decimal_above_max_value", retry=False, origin="passed through")
    assert error["param"] == "temperature"
    assert error["message"] == "Invalid 'temperature'."
    assert not upstream.seen(pair, "beta")


def test_a_context_overflow_keeps_its_code_and_numbers(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.context_overflow())
    error = assert_error(app.chat(model), 400, "context_length_exceeded", retry=False, origin="passed through")
    assert "52341" in error["message"]
    assert "40960" in error["message"]


def test_a_refusal_for_content_keeps_its_code(app: Caller, upstream: Upstream, pair: str) -> None:
    upstream.script(pair, scripts.openai_error(400, "The prompt was filtered.", code="content_filter", param="prompt"))
    assert_error(app.chat(pair), 400, "content_filter", retry=False, origin="passed through")
    assert not upstream.seen(pair, "beta")


@pytest.mark.parametrize(
    ("headers", "retry_after"), [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500", "retry-after": "2"}, 2.0)]
)
def test_a_rate_limit_keeps_its_code_and_its_retry_after(
    app: Caller, upstream: Upstream, model: str, headers: dict[str, str], retry_after: float
) -> None:
    upstream.script(model, scripts.rate_limited(headers))
    answer = app.chat(model)
    assert_error(answer, 429, "rate_limit_exceeded", retry=True, origin="passed through")
    assert float(answer.headers["retry-after"]) == pytest.approx(retry_after, abs=1)


def test_a_rate_limit_for_an_hour_is_not_worth_a_retry(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.rate_limited({"retry-after": "3600"}))
    answer = app.chat(model)
    assert_error(answer, 429, "rate_limit_exceeded", retry=False, origin="passed through")
    assert "retry-after" not in answer.headers


FAILURES: dict[str, tuple[Script, int, str]] = {
    "a server error": (scripts.openai_error(500, "oops", type_="server_error"), 502, "upstream_error"),
    "a page of HTML with 502": (scripts.html_page(502), 502, "upstream_error"),
    "a page of HTML with 200": (scripts.html_page(200), 502, "upstream_error"),
    "no JSON at all": (scripts.answer(b"upstream says hi"), 502, "upstream_error"),
    "an empty body": (scripts.answer(b""), 502, "upstream_error"),
    "an answer cut short": (scripts.cut_body(), 502, "upstream_error"),
    "no answer": (scripts.hang_up_before_headers(), 502, "upstream_error"),
    "a reset": (scripts.hang_up_before_headers("reset"), 502, "upstream_error"),
    "a redirect": (
        scripts.answer(b"", status=302, headers={"location": "https://elsewhere.example/v1/chat/completions"}),
        502,
        "upstream_error",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAILURES)
def test_when_every_attempt_failed_the_error_says_how(
    app: Caller, upstream: Upstream, model: str, name: str, *, stream: bool
) -> None:
    script, status, code = FAILURES[name]
    upstream.script(model, script)
    answer = app.chat(model, stream=stream)
    assert answer.status == status, answer.body
    error = answer.error
    assert error["code"] == code
    metadata = error["metadata"]
    assert metadata["origin"] == "provider"
    assert metadata["provider"] == "alpha"
    assert [attempt["target"] for attempt in metadata["attempts"]] == [f"alpha/{model}@127.0.0.1:{upstream.port}"]
    assert all(isinstance(attempt["ms"], (int, float)) and attempt["reason"] for attempt in metadata["attempts"])
    text = answer.body.decode() + str(answer.headers)
    assert UPSTREAM_SECRET not in text
    assert "<html" not in text
    assert "nginx" not in text
    assert "Traceback" not in text


def test_a_key_that_the_provider_does_not_know_is_the_operators_matter(
    app: Caller, upstream: Upstream, model: str
) -> None:
    refusal = scripts.openai_error(401, f"Incorrect API key provided: {UPSTREAM_SECRET}.", code="invalid_api_key")
    upstream.script(f"locked-{model}", refusal, provider="locked")
    answer = app.chat(f"locked-{model}")
    assert (answer.status, answer.error["code"]) == (502, "upstream_credential")
    assert UPSTREAM_SECRET not in answer.body.decode() + str(answer.headers)


def test_the_providers_status_and_request_id_stand_in_the_metadata(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.openai_error(500, "oops", type_="server_error"))
    metadata = app.chat(model).error["metadata"]
    assert metadata["provider_status"] == 500
    assert metadata["provider_request_id"] == "req_3855783c722245b6ab7e4e7f7b2d85ce"


def test_what_may_have_been_billed_is_not_to_be_tried_again(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.openai_error(500, "oops", type_="server_error"))
    assert app.chat(model).headers["x-should-retry"] == "false"


def test_a_target_that_cannot_be_reached_may_be_tried_again(app: Caller) -> None:
    answer = app.chat("only-dead")
    assert answer.status in (502, 503)
    assert answer.headers["x-should-retry"] == "true"


def test_a_key_inside_an_upstreams_error_text_does_not_leave(app: Caller, upstream: Upstream, model: str) -> None:
    leaky = scripts.openai_error(400, f"Bad request with key {UPSTREAM_SECRET} for org", code="bad", param="model")
    upstream.script(model, leaky)
    answer = app.chat(model)
    assert answer.status == 400
    assert UPSTREAM_SECRET not in answer.body.decode()
    assert answer.error["code"] == "bad"


def test_an_error_of_the_gateway_says_so(app: Caller) -> None:
    error = assert_error(app.chat("no-such-model"), 404, "model_not_found", retry=False, origin="caller")
    assert error["param"] == "model"
