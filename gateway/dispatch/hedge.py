"""A second attempt beside the first when that one is late: whoever has something to show first goes on alone.

Bounded by a share of the requests and by the retry budget, and not begun while the provider is in trouble: then a
second request to somebody would only make the trouble larger (Dean and Barroso, The Tail at Scale, 2013).
"""

import asyncio

from backends.errors import BackendError
from backends.types import AnswerKind
from gateway.catalog.handling import Hedge
from gateway.dispatch.attempt import Attempt, Equipment
from gateway.dispatch.call import Call
from gateway.dispatch.clocks import HedgeLost, Late
from gateway.dispatch.floor import Floor
from gateway.dispatch.itinerary import Step
from gateway.dispatch.observe import count_hedge
from gateway.errors import GatewayError
from gateway.stats.snapshot import TargetStatistics

FEWEST_OBSERVATIONS = 20
"""First tokens that a quantile must rest on."""


def late_after_s(hedge: Hedge, known: TargetStatistics | None) -> float | None:
    """Seconds from sending, after which the first attempt is late; None: nobody can tell yet."""
    if isinstance(hedge.after, float | int):
        return hedge.after
    if known is None or known.observations < FEWEST_OBSERVATIONS:
        return None
    return {
        "p50": known.first_token_p50_s,
        "p99": known.first_token_p99_s,
    }.get(hedge.after, known.first_token_p95_s)  # the snapshot has no p90: a little later does no harm


def first_attempt(call: Call, step: Step, equipment: Equipment) -> "Attempt | Hedged":
    """The request's first attempt, with a second one in waiting where its policy wants that."""
    hedge = step.deployment.handling.hedge
    if hedge is None or not call.chat.stream or call.chat.answers is not AnswerKind.TEXT:
        return Attempt(call, step, equipment)
    equipment.hedge_budget.pay_in(hedge.max_share)
    after_s = late_after_s(hedge, equipment.book.snapshot.targets.get(step.deployment.id))
    if after_s is None or len(step.decision.candidates) < 2:
        return Attempt(call, step, equipment)
    return Hedged(call, step, equipment, after_s)


class Hedged:
    """Runs like an attempt. `decisive`: the one that its end is the end of."""

    __slots__ = ("_call", "_equipment", "_floor", "_second", "_step", "_task", "decisive")

    def __init__(self, call: Call, step: Step, equipment: Equipment, after_s: float) -> None:
        self._call = call
        self._step = step
        self._equipment = equipment
        now = equipment.clock()
        self._floor = Floor(now)
        self.decisive = Attempt(call, step, equipment, self._floor, Late(equipment.loop.time() + after_s, self._begin))
        self._second: Attempt | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """As Attempt.run: the caller has the whole answer, or BackendError says why not."""
        try:
            await self.decisive.run()
        except (HedgeLost, BackendError):
            if self._task is None or self._task.done():
                raise
            assert self._second is not None
            self.decisive = self._second
            await self._task
        finally:
            await self._settled()

    async def _settled(self) -> None:
        """Whatever became of the request, the second attempt is over and in the books."""
        task, second = self._task, self._second
        if task is None or second is None:
            return
        if not task.done():
            self._floor.claim(self.decisive.number)
            await asyncio.wait({task})
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            count_hedge(self._equipment.metrics, "won")
        elif isinstance(error, HedgeLost):
            count_hedge(self._equipment.metrics, "lost")
        else:
            count_hedge(self._equipment.metrics, "failed")
            if not isinstance(error, BackendError | GatewayError):  # no money was to be had for it, say
                self._equipment.loop.call_exception_handler({"message": "a hedge failed", "exception": error})

    def _begin(self) -> None:
        """The first attempt is late."""
        if not self._is_worth_it():
            return
        step = self._call.itinerary.beside()
        if step is None:
            return
        self._second = Attempt(self._call, step, self._equipment, self._floor)
        self._task = self._equipment.loop.create_task(self._run(self._second), name="hedge")

    async def _run(self, second: Attempt) -> None:
        try:
            await second.run()
        finally:
            self._floor.under_way.discard(second.number)

    def _is_worth_it(self) -> bool:
        tools, deployment = self._equipment, self._step.deployment
        provider = deployment.target.provider
        if any(name.partition("/")[0] == provider for name in tools.health.resting):
            return False
        return tools.hedge_budget.take() and tools.retry_budget.take(deployment.handling.retry, tools.clock())
