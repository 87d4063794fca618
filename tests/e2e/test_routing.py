"""The objectives of this part, and what a policy or an endpoint says of itself, seen from outside."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Answer, Caller
from tests.support.gateway import Gateway
from tests.support.upstream import Upstream


def test_the_cheapest_target_is_asked_first_wherever_it_stands(app: Caller, model: str) -> None:
    targets = {app.chat(f"cheap-{model}").headers["x-headrace-target"].split("/")[0] for _ in range(5)}
    assert targets == {"alpha"}


def test_the_dearer_target_takes_over_when_the_cheapest_fails(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(f"cheap-{model}", scripts.openai_error(500, "oops", type_="server_error"))
    assert app.chat(f"cheap-{model}").headers["x-headrace-target"].startswith("beta/")


def test_weights_spread_the_requests(app: Caller, model: str) -> None:
    seen = Counter(app.chat(f"spread-{model}").headers["x-headrace-target"].split("/")[0] for _ in range(80))
    # Three to one; the odds that chance alone leaves these bounds are below one in a million.
    assert 36 <= seen["alpha"] <= 78
    assert seen["alpha"] + seen["beta"] == 80


def quickest_504(ask: Callable[[], Answer]) -> float:
    """Seconds until the timeout; the best of three, since the shortest other clock is only half a second away."""
    times = []
    for _ in range(3):
        started = time.monotonic()
        assert ask().status == 504
        times.append(time.monotonic() - started)
    return min(times)


@pytest.mark.parametrize("stream", [False, True])
def test_a_policys_own_clock_is_the_one_that_counts(
    app: Caller, upstream: Upstream, model: str, *, stream: bool
) -> None:
    upstream.script(f"hasty-{model}", scripts.hang_before_headers())
    assert 0.15 < quickest_504(lambda: app.chat(f"hasty-{model}", stream=stream)) < 0.65


def test_a_drained_endpoint_gets_nothing(app: Caller, upstream: Upstream, model: str) -> None:
    assert [app.chat(f"farm-{model}").status for _ in range(6)] == [200] * 6
    assert {exchange.provider for exchange in upstream.seen(f"farm-{model}")} == {"farm-up"}


def test_an_alias_and_its_model_are_one(app: Caller) -> None:
    for name in ("nick", "named"):
        assert app.chat(name).headers["x-headrace-target"].startswith("alpha/upstream-name@")


@pytest.mark.parametrize("suffix", ["floor", "nitro"])
def test_a_suffix_chooses_how_and_stays_behind(app: Caller, upstream: Upstream, pair: str, suffix: str) -> None:
    answer = app.chat(f"{pair}:{suffix}")
    assert answer.status == 200
    assert {exchange.model for exchange in upstream.seen(pair)} == {pair}
    if suffix == "floor":
        assert answer.headers["x-headrace-target"].startswith("alpha/")


def test_a_callers_own_patience_is_obeyed(app: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(model, scripts.hang_before_headers())
    assert 0.2 < quickest_504(lambda: app.chat(model, headers={"x-headrace-timeout": "250ms"})) < 0.65


def test_a_callers_tags_stand_in_the_ledger(app: Caller, gateway: Gateway, model: str) -> None:
    answer = app.chat(model, headers={"x-headrace-tags": "feature=summary,env=prod"})
    found = entry(gateway, answer.headers["x-request-id"])
    assert found["tags"] == {"feature": "summary", "env": "prod"}


def test_tags_that_the_file_does_not_declare_are_named_as_ignored(app: Caller, gateway: Gateway, model: str) -> None:
    answer = app.chat(model, headers={"x-headrace-tags": "feature=poetry,colour=red,env=prod"})
    assert answer.headers["x-headrace-ignored"] == "x-headrace-tags"
    assert entry(gateway, answer.headers["x-request-id"])["tags"] == {"env": "prod"}


@pytest.mark.parametrize("time", ["soon", "20", "-1s", "0s"])
def test_a_time_that_is_none_is_refused_by_name(app: Caller, model: str, time: str) -> None:
    answer = app.chat(model, headers={"x-headrace-timeout": time})
    assert (answer.status, answer.error["code"], answer.error["param"]) == (
        400,
        "invalid_request",
        "x-headrace-timeout",
    )
