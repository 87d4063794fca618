"""Where a request goes next when an attempt has failed: another target, the same one again, another model, or nowhere.

1. Targets of one model that have not been tried: at once, each.
2. The same targets again, while there are tries left, the retry budget pays, and the wait ends before the deadline.
3. The models that the file (or the caller) names for this kind of failure, each as its own decision.

Once the caller has content, only those are asked that can go on with it (`onwards`).

Plain calls: an attempt is settled as the request's last, or not, the moment it has failed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from backends.errors import BackendError, ConnectFailed, Fault, NotCarried, Refused, TimedOut
from gateway.catalog.deployments import Deployment
from gateway.catalog.handling import Retry
from gateway.errors import GatewayError
from gateway.routing.decision import Decision
from gateway.stats.retry_budget import RetryBudget

LONGEST_WAIT_S = 60.0
MOST_MODELS = 8
CONTINUES = "continue"
"""The capability of a target that takes up an answer which was begun elsewhere."""
_NEVER_AGAIN = frozenset({Fault.CALLER, Fault.CREDENTIAL, Fault.MODEL, Fault.QUOTA})
_ENDS_ALL = frozenset({"total", "stream_total", "shutdown"})


class Step(NamedTuple):
    """One attempt to come."""

    deployment: Deployment
    decision: Decision
    """The decision that it is a candidate of."""
    wait_s: float = 0.0
    continues: bool = False
    """It goes on with the answer that the caller has the beginning of."""


class Itinerary:
    """One request's. `elsewhere` decides for another model; it raises GatewayError where nobody serves it."""

    __slots__ = ("_again", "_budget", "_decision", "_dice", "_elsewhere", "_stalled", "_tries", "_untried", "_visited")

    def __init__(
        self,
        decision: Decision,
        elsewhere: Callable[[str], Decision],
        budget: RetryBudget,
        dice: Callable[[], float],
    ) -> None:
        self._decision = decision
        self._elsewhere = elsewhere
        self._budget = budget
        self._dice = dice
        self._untried: Iterator[Deployment] = iter(decision.candidates)
        self._tries: dict[str, int] = {}
        self._again: dict[str, tuple[Deployment, float]] = {}
        """Those that deserve another try, each with the moment from which on."""
        self._visited = [decision.model]
        self._stalled: set[str] = set()
        """Targets that fell silent in the middle of an answer."""

    def first(self) -> Step:
        """Where it begins."""
        return self._at(next(self._untried))

    def beside(self) -> Step | None:
        """Who else may be asked at the same time; None: nobody is left."""
        untried = next(self._untried, None)
        return self._at(untried) if untried is not None else None

    def after(self, failed: Deployment, error: BackendError, now: float, ends_at: float) -> Step | None:
        """What comes after this failure; None: nothing, and the caller is told of it."""
        if isinstance(error, TimedOut) and error.clock in _ENDS_ALL:
            return None
        if error.fault is Fault.CONTEXT_LENGTH:
            return self._another_model(self._decision.fallbacks.on_context_overflow)
        if error.fault is Fault.CONTENT_POLICY:
            return self._another_model(self._decision.fallbacks.on_refusal)
        if error.fault is Fault.CALLER and not isinstance(error, NotCarried):
            return None
        self._note(failed, error, now)
        untried = next(self._untried, None)
        if untried is not None:
            return self._at(untried)
        return self._once_more(now, ends_at) or self._another_model(self._decision.fallbacks.on_error)

    def onwards(self, failed: Deployment, error: BackendError, now: float, ends_at: float) -> Step | None:
        """Who goes on with the answer that broke off here; None: nobody, and the caller is told of it.

        Whoever has not been tried comes first, the same target last; one that fell silent never again.
        """
        rule = failed.handling.mid_stream
        if rule == "error" or (isinstance(error, TimedOut) and error.clock in _ENDS_ALL):
            return None
        if isinstance(error, TimedOut):
            self._stalled.add(failed.id)
        self._note(failed, error, now)
        untried = next(filter(self._goes_on, self._untried), None)
        if untried is not None:
            return self._at(untried, continues=True)
        step = self._once_more(now, ends_at, but_last=failed)
        if step is None and rule == "continue":
            step = self._another_model(self._decision.fallbacks.on_error, continues=True)
        return step

    def _goes_on(self, deployment: Deployment) -> bool:
        return CONTINUES in deployment.capabilities and deployment.id not in self._stalled

    def _at(self, deployment: Deployment, wait_s: float = 0.0, *, continues: bool = False) -> Step:
        self._tries[deployment.id] = self._tries.get(deployment.id, 0) + 1
        return Step(deployment, self._decision, wait_s, continues)

    def _note(self, failed: Deployment, error: BackendError, now: float) -> None:
        retry, tries = failed.handling.retry, self._tries.get(failed.id, 1)
        self._again.pop(failed.id, None)
        if tries < retry.attempts and _deserves_another(error, retry):
            self._again[failed.id] = failed, now + self._backoff(error, retry, tries)

    def _backoff(self, error: BackendError, retry: Retry, tries: int) -> float:
        """What the upstream asks for; else full jitter
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        return self._dice() * min(retry.max_s, retry.initial_s * float(1 << min(tries - 1, 30)))

    def _once_more(self, now: float, ends_at: float, *, but_last: Deployment | None = None) -> Step | None:
        """`but_last`: its answer is to be gone on with, by somebody else if there is anybody."""
        names = [name for name in self._again if but_last is None or self._goes_on(self._again[name][0])]
        if not names:
            return None
        last = but_last.id if but_last is not None else None
        name = min(names, key=lambda each: (each == last, self._again[each][1]))
        deployment, at = self._again[name]
        wait_s = max(at - now, 0.0)
        if wait_s > LONGEST_WAIT_S or now + wait_s >= ends_at or not self._budget.take(deployment.handling.retry, now):
            return None
        del self._again[name]
        return self._at(deployment, wait_s, continues=but_last is not None)

    def _another_model(self, models: tuple[str, ...], *, continues: bool = False) -> Step | None:
        for model in models:
            if model in self._visited or len(self._visited) >= MOST_MODELS:
                continue
            self._visited.append(model)
            try:
                decision = self._elsewhere(model)
            except GatewayError:  # nobody serves it either: what stands is the failure that led here
                continue
            candidates = iter(decision.candidates)
            first = next(filter(self._goes_on, candidates) if continues else candidates, None)
            if first is None:
                continue
            self._decision, self._untried = decision, candidates
            self._again.clear()
            return self._at(first, continues=continues)
        return None


def _deserves_another(error: BackendError, retry: Retry) -> bool:
    """A timeout never does, and neither does what would be refused again."""
    if isinstance(error, TimedOut | NotCarried) or error.fault in _NEVER_AGAIN:
        return False
    if isinstance(error, ConnectFailed):
        return "connect" in retry.retry_on
    status = str(error.reply.status) if isinstance(error, Refused) else "502"
    return status in retry.retry_on or f"{status[0]}xx" in retry.retry_on
