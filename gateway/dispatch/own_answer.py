"""What the gateway can answer itself, where the target that it would ask does not know the question."""

from gateway.dispatch.call import Call

_ESTIMATED = "x-headrace-estimated"


async def answer_ourselves(call: Call, answer: bytes) -> None:
    """Nothing is sent, so there is nothing to meter. The caller is told that no model was asked."""
    call.responder.start(
        200,
        {
            "content-type": "application/json",
            "x-request-id": call.request.id,
            "request-id": call.request.id,
            "x-headrace-attempts": "0",
            "x-headrace-rules": call.decision.rules_hash,
            _ESTIMATED: "true",
        },
    )
    call.responder.write(answer)
    await call.responder.end()
