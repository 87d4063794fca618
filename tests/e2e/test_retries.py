"""What happens after a failure: the same target again, another model, and targets that are left alone for a while."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.rules import ALPHA_PRICE, BETA_PRICE, provider, target
from tests.support.upstream import Script, Upstream

OOPS = scripts.openai_error(503, "overloaded", type_="server_error")
OVERFLOW = scripts.context_overflow()
FILTERED = scripts.openai_error(400, "flagged", code="content_policy_violation")


def document(port: int) -> dict[str, Any]:
    base = f"http://127.0.0.1:{port}"
    alpha, beta = target("alpha", price=ALPHA_PRICE), target("beta", price=BETA_PRICE, priority=2)
    return {
        "version": 1,
        "providers": {name: provider(f"{base}/{name}/v1") for name in ("alpha", "beta", "locked")},
        "models": {
            "t-*": {"targets": [alpha]},
            "pair-*": {"targets": [alpha, beta]},
            "locked-*": {"targets": [target("locked"), beta]},
            "falls-*": {
                "targets": [alpha],
                "fallbacks": {"on_error": ["spare"], "on_context_overflow": ["large"], "on_refusal": []},
            },
            "asks-*": {"targets": [alpha], "fallbacks": {"on_refusal": ["spare"]}},
            "spare": {"targets": [target("beta", "spare", price=BETA_PRICE)]},
            "large": {"targets": [target("beta", "large", price=BETA_PRICE)]},
        },
        "defaults": {
            "timeouts": {"connect": "1s", "first_token": "500ms", "answer": "500ms"},
            "retry": {"attempts": 3, "backoff": {"initial": "10ms", "max": "20ms"}, "budget": {"min_per_second": 50}},
            "circuit_breaker": {"failures": "50%", "over": "30s", "minimum": 4, "open_for": "1s"},
        },
    }


@pytest.fixture(scope="module")
def patient(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One worker, so that each request knows what the one before it has learned."""
    directory: Path = tmp_path_factory.mktemp("patient")
    gateway = Gateway(directory, document(upstream.port), environment={"HEADRACE_WORKERS": "1"})
    try:
        yield gateway.start()
        gateway.stop()
    finally:
        gateway.kill()


@pytest.fixture
def caller(patient: Gateway) -> Caller:
    return patient.caller()


def metrics(gateway: Gateway) -> str:
    return Caller(gateway.base_url, None).get("/metrics").body.decode()


def told(answer: Any) -> list[str]:
    return [attempt["target"].split("/")[0] for attempt in answer.error["metadata"]["attempts"]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failure", [OOPS, scripts.hang_up_before_headers(), scripts.html_page(200)])
def test_a_lone_target_that_fails_is_tried_again(
    patient: Gateway, caller: Caller, upstream: Upstream, model: str, failure: Script, *, stream: bool
) -> None:
    well = scripts.stream(*scripts.words("yes")) if stream else scripts.answer()
    upstream.script(model, failure, well)
    answer = caller.chat(model, stream=stream)
    assert answer.status == 200
    assert answer.headers["x-headrace-attempts"] == "2"
    found = entry(patient, answer.headers["x-request-id"], attempts=2)
    assert [attempt["number"] for attempt in found["attempts"]] == [1, 2]


def test_there_are_as_many_tries_as_the_file_says(caller: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, OOPS)
    answer = caller.chat(model)
    assert answer.status == 502
    assert told(answer) == ["alpha"] * 3


def test_other_targets_come_first_and_then_each_again(caller: Caller, upstream: Upstream, pair: str) -> None:
    for name in ("alpha", "beta"):
        upstream.script(pair, OOPS, provider=name)
    answer = caller.chat(pair)
    assert answer.status == 502
    assert told(answer)[:2] == ["alpha", "beta"]
    assert sorted(told(answer)) == ["alpha"] * 3 + ["beta"] * 3


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_what_would_fail_again_is_not_tried_again(caller: Caller, upstream: Upstream, model: str, status: int) -> None:
    upstream.script(model, scripts.openai_error(status, "no"))
    assert caller.chat(model).status == (502 if status == 409 else status)
    assert len(upstream.seen(model)) == 1


def test_a_timeout_is_not_tried_again_at_the_same_target(caller: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.hang_before_headers())
    assert caller.chat(model).status == 504
    assert len(upstream.seen(model)) == 1


def test_the_wait_that_a_provider_asks_for_is_kept(caller: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.rate_limited({"retry-after-ms": "400"}), scripts.answer())
    began = time.monotonic()
    answer = caller.chat(model)
    assert answer.status == 200
    assert time.monotonic() - began >= 0.4


def test_a_wait_beyond_the_callers_patience_is_not_begun(caller: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.rate_limited({"retry-after": "30"}))
    answer = caller.chat(model, headers={"x-headrace-timeout": "2s"})
    assert answer.status == 429
    assert len(upstream.seen(model)) == 1


def test_another_model_takes_over_when_all_tries_are_used_up(
    patient: Gateway, caller: Caller, upstream: Upstream, model: str
) -> None:
    asked = f"falls-{model}"
    upstream.script(asked, OOPS)
    answer = caller.chat(asked)
    assert answer.status == 200
    assert answer.headers["x-headrace-target"].startswith("beta/spare@")
    assert answer.headers["x-headrace-attempts"] == "4"
    last = entry(patient, answer.headers["x-request-id"], attempts=4)["attempts"][-1]
    assert last["target"].startswith("beta/spare@")


def test_too_long_an_input_goes_to_the_larger_model_at_once(caller: Caller, upstream: Upstream, model: str) -> None:
    asked = f"falls-{model}"
    upstream.script(asked, OVERFLOW)
    answer = caller.chat(asked)
    assert answer.headers["x-headrace-target"].startswith("beta/large@")
    assert answer.headers["x-headrace-attempts"] == "2"


def test_a_refusal_goes_to_the_caller_unless_the_file_asks_otherwise(
    caller: Caller, upstream: Upstream, model: str
) -> None:
    for asked, status in ((f"falls-{model}", 400), (f"asks-{model}", 200)):
        upstream.script(asked, FILTERED)
        assert caller.chat(asked).status == status
        assert len(upstream.seen(asked)) == 1


def test_a_target_that_keeps_failing_is_left_alone_and_then_probed(
    patient: Gateway, caller: Caller, upstream: Upstream, pair: str
) -> None:
    upstream.script(pair, OOPS)
    upstream.script(pair, scripts.answer(), provider="beta")
    attempts = [caller.chat(pair).headers["x-headrace-attempts"] for _ in range(6)]
    assert attempts == ["2", "2", "2", "2", "1", "1"]
    open_circuit = f'model="{pair}"'
    assert open_circuit not in metrics(patient)  # the name came from a caller
    upstream.script(pair, scripts.answer())
    answer = eventually(
        lambda: (a := caller.chat(pair)).headers["x-headrace-target"].startswith("alpha/") and a, within_s=5
    )
    assert answer.headers["x-headrace-attempts"] == "1"


def test_when_everybody_is_to_be_left_alone_somebody_is_tried(caller: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, OOPS)
    for _ in range(3):
        caller.chat(model)
    upstream.script(model, scripts.answer())
    assert caller.chat(model).status == 200


def test_a_refused_credential_is_left_alone_with_all_that_it_opens(
    patient: Gateway, caller: Caller, upstream: Upstream, model: str
) -> None:
    first, second = f"locked-{model}", f"locked-2-{model}"
    upstream.script(first, scripts.openai_error(401, "Incorrect key.", code="invalid_api_key"), provider="locked")
    assert caller.chat(first).headers["x-headrace-attempts"] == "2"
    assert caller.chat(second).headers["x-headrace-attempts"] == "1"
    assert not upstream.seen(second, "locked")
    eventually(lambda: 'headrace_credential_up{provider="locked"} 0.0' in metrics(patient), within_s=5)
    assert 'headrace_credential_up{provider="alpha"} 1.0' in metrics(patient)
