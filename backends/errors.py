"""What an upstream did to us. Each error carries the decision: whose fault, and what may be tried next.

BackendError
├── Refused              it answered, with an error; `fault` says whose it is
├── NotCarried           this protocol has no words for what the caller asks: nothing was sent
├── ConnectFailed        nothing was sent: nothing can have been billed
├── ConnectionLost       it hung up before its answer was whole
├── TimedOut             one of the clocks ran out; `clock` says which
└── BadAnswer            a 200 that is no answer: HTML, broken JSON, an error inside, an event past all bounds
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a failure is. Only CAPACITY and TRANSPORT speak against the target's health.

    MODEL: the upstream does not know the model that we asked it for.
    """

    CALLER = "caller"
    CREDENTIAL = "credential"
    MODEL = "model"
    QUOTA = "quota"
    CAPACITY = "capacity"
    TRANSPORT = "transport"
    CONTENT_POLICY = "content_policy"
    CONTEXT_LENGTH = "context_length"


class BackendError(Exception):
    """An attempt that failed. `reason` is one word for metrics and explanations."""

    fault: Fault = Fault.TRANSPORT
    reason: str = "error"
    may_have_billed: bool = True
    retry_after_s: float | None = None

    @property
    def another_target_may_help(self) -> bool:
        """A request that is itself at fault fails everywhere alike."""
        return self.fault not in (Fault.CALLER, Fault.CONTENT_POLICY, Fault.CONTEXT_LENGTH)


@dataclass(slots=True)
class UpstreamReply:
    """What is kept of an upstream's error: its own identity, and text only where it is safe to repeat."""

    status: int
    code: str | None
    type: str | None
    param: str | None
    message: str | None
    request_id: str | None
    body: bytes | None
    """The error body as it came, when it has the protocol's own shape and holds nothing that must not leave."""


class Refused(BackendError):
    """The upstream answered with an error status, or with an error object in place of an answer."""

    def __init__(self, reply: UpstreamReply, fault: Fault, retry_after_s: float | None = None) -> None:
        super().__init__(f"upstream answered {reply.status} {reply.code or reply.type or ''}".rstrip())
        self.reply = reply
        self.fault = fault
        self.retry_after_s = retry_after_s
        self.reason = str(reply.status)
        self.may_have_billed = reply.status >= 500 and reply.status != 503


class NotCarried(BackendError):
    """The request holds what this target's protocol can't say, and leaving it out would change what is asked.

    `param` names the caller's field, `message` says what is wrong and what would be right. Another target may help.
    """

    fault = Fault.CALLER
    may_have_billed = False

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message
        self.reason = f"unsupported:{param}"

    @property
    def another_target_may_help(self) -> bool:
        """It is this protocol that lacks the words."""
        return True


class ConnectFailed(BackendError):
    """No connection could be made within the connect clock."""

    reason = "connect"
    may_have_billed = False


class ConnectionLost(BackendError):
    """The connection ended before the answer was whole by its framing."""

    reason = "connection_lost"


class TimedOut(BackendError):
    """A clock ran out; `clock` is its name in the routing file."""

    def __init__(self, clock: str) -> None:
        super().__init__(f"{clock} timeout")
        self.clock = clock
        self.reason = f"timeout_{clock}"


class BadAnswer(BackendError):
    """A success status without a usable answer behind it."""

    reason = "bad_answer"


MALFORMED = (TypeError, KeyError, IndexError, AttributeError, ValueError)
"""What reading an answer raises whose parts are not of the kinds that its protocol says: at the door, a BadAnswer."""
