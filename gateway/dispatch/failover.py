"""Walks the itinerary until somebody has answered, or until the caller has seen content of an answer that broke."""

import asyncio

from backends.errors import BackendError
from backends.types import ChatRequest
from gateway.dispatch.attempt import Attempt, Equipment
from gateway.dispatch.call import Call
from gateway.dispatch.clocks import SILENCE_S
from gateway.dispatch.failure import tell
from gateway.dispatch.funding import Unaffordable
from gateway.dispatch.head import begin_stream
from gateway.dispatch.hedge import Hedged, first_attempt
from gateway.dispatch.itinerary import Step


async def dispatch(call: Call, equipment: Equipment) -> None:
    """Carry the decision out. Raises UpstreamFailed when nobody could answer; the answer may have begun by then."""
    asked = call.chat
    runner: Attempt | Hedged = first_attempt(call, _entered(call, call.itinerary.first(), asked), equipment)
    while True:
        try:
            await runner.run()
        except BackendError as error:
            attempt = runner.decisive
            step = attempt.next
            if step is None:
                if isinstance(error, Unaffordable) and call.broke is None:
                    raise error.refusal from error
                cause, provider, native = call.broke or (error, attempt.provider, attempt.native)
                raise tell(cause, provider, call.tried, native=native) from error
            equipment.metrics.failovers.add((attempt.provider, error.reason))
            if attempt.cut:
                call.broke = error, attempt.provider, attempt.native
            if step.wait_s:
                await _pause(call, step)
            runner = Attempt(call, _entered(call, step, asked), equipment)
        else:
            return


def _entered(call: Call, step: Step, asked: ChatRequest) -> Step:
    """`asked`: the request as it came; a decision may have another one sent."""
    decision = step.decision
    call.decision, call.model_label, call.chat = decision, decision.label, decision.chat or asked
    return step


async def _pause(call: Call, step: Step) -> None:
    """Wait for another try. A stream's caller is told that we are still here."""
    left_s = step.wait_s
    while left_s > SILENCE_S and call.chat.stream:
        await asyncio.sleep(SILENCE_S)
        left_s -= SILENCE_S
        begin_stream(call, step.deployment.id, call.attempts + 1, call.request.started_at, None)
        call.responder.write(call.dialect.keep_alive())
        call.responder.flush()
    await asyncio.sleep(left_s)
