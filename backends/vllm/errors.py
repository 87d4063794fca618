"""What vLLM's errors mean, beyond OpenAI's reading of them.

The engine's own shape is OpenAI's with the status as `code`, and with its exception's name as `type`:
`{"error": {"message": ..., "type": "BadRequestError", "param": ..., "code": 400}}`. A wrong key gets
`{"error": "Unauthorized"}`, a wrong path `{"detail": "Not Found"}`.
"""

import re
from dataclasses import replace

from backends.errors import Fault, Refused

# The prompt alone ("maximum context length is 2048 tokens"), the output asked for ("max_tokens=5000 cannot be greater
# than max_model_len=2048"), and how older engines put it ("longer than the maximum model length of 2048").
_OVERFLOW = re.compile(r"(?i)maximum context length|maximum model length|max_model_len")
# An engine that drains answers so at once, while its /health still says 200.
_DRAINING = "cannot schedule new futures after shutdown"


def as_vllm_means_it(refused: Refused) -> Refused:
    """The same refusal, with a code that says something; a second time changes nothing."""
    reply = refused.reply
    message = reply.message or ""
    fault, code = refused.fault, reply.code
    if code == str(reply.status):
        code = None
    if reply.status in (400, 413) and _OVERFLOW.search(message):
        fault, code = Fault.CONTEXT_LENGTH, "context_length_exceeded"
    meant = Refused(replace(reply, code=code), fault, refused.retry_after_s)
    if _DRAINING in message:
        meant.may_have_billed = False
    return meant
