"""Walks the itinerary until somebody has answered, or until the caller has seen content of an answer that broke."""

import asyncio

from backends.errors import BackendError
from gateway.dispatch.attempt import Attempt, Equipment
from gateway.dispatch.call import Call
from gateway.dispatch.clocks import SILENCE_S
from gateway.dispatch.failure import tell
from gateway.dispatch.head import begin_stream
from gateway.dispatch.itinerary import Step


async def dispatch(call: Call, equipment: Equipment) -> None:
    """Carry the decision out. Raises UpstreamFailed when nobody could answer; the answer may have begun by then."""
    number = 1
    attempt = Attempt(call, call.itinerary.first(), number, equipment)
    while True:
        try:
            await attempt.run()
        except BackendError as error:
            step = attempt.next
            if step is None:
                raise tell(error, attempt.provider, call.tried, native=attempt.native) from error
            equipment.metrics.failovers.add((attempt.provider, error.reason))
            if step.wait_s:
                await _pause(call, step, number)
            if step.decision is not call.decision:
                call.decision, call.model_label = step.decision, step.decision.label
            number += 1
            attempt = Attempt(call, step, number, equipment)
        else:
            return


async def _pause(call: Call, step: Step, number: int) -> None:
    """Wait for another try. A stream's caller is told that we are still here."""
    left_s = step.wait_s
    while left_s > SILENCE_S and call.chat.stream:
        await asyncio.sleep(SILENCE_S)
        left_s -= SILENCE_S
        begin_stream(call, step.deployment.id, number + 1, call.request.started_at, None)
        call.responder.write(call.dialect.keep_alive())
        call.responder.flush()
    await asyncio.sleep(left_s)
