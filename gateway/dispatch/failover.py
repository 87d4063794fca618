"""Walks the candidates until one of them has answered, or until the caller has seen content of one that broke."""

from backends.errors import BackendError
from gateway.dispatch.attempt import Attempt, Equipment
from gateway.dispatch.call import Call
from gateway.dispatch.failure import tell


async def dispatch(call: Call, equipment: Equipment) -> None:
    """Carry the decision out. Raises UpstreamFailed when nobody could answer; the answer may have begun by then."""
    candidates = call.decision.candidates
    for number, deployment in enumerate(candidates, 1):
        attempt = Attempt(call, deployment, number, last=number == len(candidates), equipment=equipment)
        try:
            await attempt.run()
        except BackendError as error:
            provider = deployment.target.provider
            if attempt.is_final(error):
                raise tell(error, provider, call.tried, native=attempt.native) from error
            equipment.metrics.failovers.add((provider, error.reason))
        else:
            return
