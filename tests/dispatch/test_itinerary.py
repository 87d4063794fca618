"""Where a request goes after a failure. Reads as a script: what failed, and what comes next."""

from dataclasses import replace

import pytest

from backends.errors import (
    BackendError,
    BadAnswer,
    ConnectFailed,
    ConnectionLost,
    Fault,
    NotCarried,
    Refused,
    TimedOut,
    UpstreamReply,
)
from backends.types import Target
from gateway.catalog.deployments import Deployment
from gateway.catalog.handling import Handling, Retry
from gateway.dispatch.itinerary import Itinerary, Step
from gateway.errors import NotFound
from gateway.routing.decision import Decision, Fallbacks
from gateway.stats.retry_budget import RetryBudget

RETRY = Retry(attempts=3, initial_s=0.1, max_s=2.0, budget_per_second=100)
LATER = 1e9


def deployment(name: str, retry: Retry = RETRY) -> Deployment:
    return Deployment(Target(name, "openai", "m", "http://h/v1", "h"), handling=Handling(retry=retry))


def decision(model: str, *names: str, retry: Retry = RETRY, **fallbacks: tuple[str, ...]) -> Decision:
    candidates = tuple(deployment(name, retry) for name in names)
    return Decision(candidates, (), model, model, "p", "hash", fallbacks=Fallbacks(**fallbacks))


def refused(status: int, fault: Fault = Fault.CAPACITY, retry_after_s: float | None = None) -> Refused:
    return Refused(UpstreamReply(status, None, None, None, None, None, None), fault, retry_after_s)


def walk(first: Decision, *errors: BackendError, others: dict[str, Decision] | None = None) -> list[str]:
    """The providers, one for each try, until nothing follows; `errors` in order, the last for all the rest."""

    def elsewhere(model: str) -> Decision:
        if model not in (others or {}):
            raise NotFound("no such model")
        return (others or {})[model]

    itinerary = Itinerary(first, elsewhere, RetryBudget(), lambda: 0.5)
    step: Step | None = itinerary.first()
    gone: list[str] = []
    while step is not None:
        gone.append(step.deployment.target.provider)
        assert len(gone) < 50
        step = itinerary.after(step.deployment, errors[min(len(gone), len(errors)) - 1], 0.0, LATER)
    return gone


def test_each_target_once_and_then_each_again() -> None:
    assert walk(decision("m", "a", "b"), refused(503)) == ["a", "b", "a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ConnectFailed("no"), 3),
        (ConnectionLost("cut"), 3),
        (BadAnswer("HTML"), 3),
        (refused(500), 3),
        (refused(408), 3),
        (refused(429), 3),
        (refused(409), 1),
        (refused(401, Fault.CREDENTIAL), 1),
        (refused(404, Fault.MODEL), 1),
        (refused(429, Fault.QUOTA), 1),
        (refused(400, Fault.CALLER), 1),
        (TimedOut("first_token"), 1),
        (NotCarried("n", "only one"), 1),
    ],
)
def test_only_what_may_heal_is_tried_again_at_the_same_target(error: BackendError, tries: int) -> None:
    assert walk(decision("m", "a"), error) == ["a"] * tries


@pytest.mark.parametrize(
    "error", [TimedOut("first_token"), refused(401, Fault.CREDENTIAL), refused(404, Fault.MODEL), NotCarried("n", "no")]
)
def test_what_only_this_target_lacks_moves_on(error: BackendError) -> None:
    assert walk(decision("m", "a", "b"), error) == ["a", "b"]


@pytest.mark.parametrize("error", [refused(400, Fault.CALLER), TimedOut("total"), TimedOut("shutdown")])
def test_what_fails_everywhere_ends_it(error: BackendError) -> None:
    assert walk(decision("m", "a", "b", on_error=("n",)), error, others={"n": decision("n", "c")}) == ["a"]


def test_another_model_comes_when_all_tries_are_used_up() -> None:
    first, other = decision("m", "a", on_error=("gone", "n")), decision("n", "c")
    assert walk(first, refused(503), others={"n": other}) == ["a", "a", "a", "c", "c", "c"]


def test_fallback_models_have_fallbacks_of_their_own_and_none_is_visited_twice() -> None:
    first, other = decision("m", "a", on_error=("n",)), decision("n", "b", on_error=("m", "n", "o"))
    others = {"n": other, "m": first, "o": decision("o", "c")}
    assert walk(first, TimedOut("answer"), others=others) == ["a", "b", "c"]


def test_an_overflow_goes_to_its_own_models_at_once() -> None:
    first = decision("m", "a", "b", on_error=("x",), on_context_overflow=("large",))
    others = {"large": decision("large", "c"), "x": decision("x", "d")}
    assert walk(first, refused(400, Fault.CONTEXT_LENGTH), others=others) == ["a", "c"]


def test_a_refusal_goes_elsewhere_only_where_the_file_says_so() -> None:
    others = {"n": decision("n", "c")}
    assert walk(decision("m", "a", "b", on_error=("n",)), refused(400, Fault.CONTENT_POLICY), others=others) == ["a"]
    first = decision("m", "a", "b", on_refusal=("n",))
    assert walk(first, refused(400, Fault.CONTENT_POLICY), others=others) == ["a", "c"]


def test_the_wait_is_what_the_upstream_asks_for_or_full_jitter() -> None:
    def waits(error: BackendError) -> list[float]:
        itinerary = Itinerary(decision("m", "a"), lambda _: decision("n"), RetryBudget(), lambda: 0.5)
        step, found = itinerary.first(), []
        while (step_ := itinerary.after(step.deployment, error, 0.0, LATER)) is not None:
            found.append(step_.wait_s)
            step = step_
        return found

    assert waits(refused(503)) == [0.05, 0.1]
    assert waits(refused(429, retry_after_s=7.0)) == [7.0, 7.0]
    assert waits(refused(429, retry_after_s=3600.0)) == []


def test_no_wait_goes_past_the_deadline() -> None:
    itinerary = Itinerary(decision("m", "a"), lambda _: decision("n"), RetryBudget(), lambda: 0.5)
    step = itinerary.first()
    assert itinerary.after(step.deployment, refused(429, retry_after_s=7.0), 100.0, 106.0) is None


def test_an_outage_is_not_multiplied() -> None:
    poor = replace(RETRY, budget_per_second=0.0)
    budget, tries = RetryBudget(), 0
    for _ in range(1000):
        itinerary = Itinerary(decision("m", "a", retry=poor), lambda _: decision("n"), budget, lambda: 0.5)
        budget.pay_in(poor)
        step: Step | None = itinerary.first()
        while step is not None:
            tries += 1
            step = itinerary.after(step.deployment, refused(503), 0.0, LATER)
    assert 1190 <= tries <= 1210


def continuing(model: str, *names: str, mid_stream: str = "continue", **fallbacks: tuple[str, ...]) -> Decision:
    able = frozenset({"continue"})
    handling = Handling(retry=RETRY, mid_stream=mid_stream)
    candidates = tuple(
        replace(
            deployment(name.removesuffix("?")), handling=handling, capabilities=frozenset() if "?" in name else able
        )
        for name in names
    )
    return Decision(candidates, (), model, model, "p", "hash", fallbacks=Fallbacks(**fallbacks))


def go_on(first: Decision, *errors: BackendError, others: dict[str, Decision] | None = None) -> list[str]:
    """As `walk`, from the moment that the caller has content of the first target."""
    itinerary = Itinerary(first, lambda model: (others or {})[model], RetryBudget(), lambda: 0.5)
    step: Step | None = itinerary.first()
    gone: list[str] = []
    while step is not None:
        gone.append(step.deployment.target.provider)
        assert len(gone) < 50
        step = itinerary.onwards(step.deployment, errors[min(len(gone), len(errors)) - 1], 0.0, LATER)
        assert step is None or step.continues
    return gone


CUT, STALL = ConnectionLost("cut"), TimedOut("between_tokens")


def test_a_begun_answer_goes_to_those_who_can_go_on_with_it_and_to_the_same_one_last() -> None:
    assert go_on(continuing("m", "a", "b?", "c"), CUT) == ["a", "c", "a", "c", "a", "c"]


def test_who_stalled_is_not_asked_again_under_any_name() -> None:
    others = {"n": continuing("n", "a", "d")}
    assert go_on(continuing("m", "a", "b", on_error=("n",)), STALL, others=others) == ["a", "b", "d"]


def test_another_model_goes_on_only_where_the_file_lets_it() -> None:
    others = {"n": continuing("n", "c?", "d"), "o": continuing("o", "e?")}
    assert go_on(continuing("m", "a", on_error=("o", "n")), STALL, others=others) == ["a", "d"]
    same = continuing("m", "a", mid_stream="same_model", on_error=("n",))
    assert go_on(same, STALL, others=others) == ["a"]
    assert go_on(continuing("m", "a", "b", mid_stream="error"), CUT) == ["a"]


def test_a_refusal_to_go_on_is_not_repeated() -> None:
    assert go_on(continuing("m", "a", "b", "c"), CUT, refused(400, Fault.CALLER), refused(400, Fault.CALLER)) == [
        "a",
        "b",
        "c",
        "a",
    ]
