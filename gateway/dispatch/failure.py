"""What is left to say to the caller when every attempt has failed."""

from math import ceil
from typing import Any

from backends.errors import BackendError, Fault, NotCarried, Refused, TimedOut
from gateway.dispatch.call import Tried
from gateway.errors import UpstreamFailed

LONGEST_RETRY_AFTER_S = 60.0
_PASSES_THROUGH = frozenset({Fault.CALLER, Fault.CONTEXT_LENGTH, Fault.CONTENT_POLICY, Fault.MODEL})


def tell(error: BackendError, provider: str, tried: list[Tried], *, native: bool = True) -> UpstreamFailed:
    """The caller's error for the last attempt's failure.

    `native`: the provider speaks the caller's dialect, so that its own error body may pass through.
    """
    metadata: dict[str, Any] = {
        "provider": provider,
        "attempts": [{"target": t.target, "reason": t.reason, "ms": t.ms} for t in tried],
    }
    if isinstance(error, Refused):
        failed = _refused(error, metadata)
        if not native:
            failed.body = None
        return failed
    if error.fault is Fault.CREDENTIAL:
        return _credential(metadata)
    if isinstance(error, NotCarried):
        return UpstreamFailed(
            error.message,
            status=400,
            code="invalid_request",
            kind="invalid_request_error",
            retry=False,
            param=error.param,
            metadata=metadata,
        )
    if isinstance(error, TimedOut):
        return UpstreamFailed(
            f"The model did not answer in time (clock: {error.clock}). Ask for less, or raise its timeout.",
            status=504,
            code="upstream_timeout",
            kind="api_error",
            retry=False,
            metadata=metadata,
        )
    return UpstreamFailed(
        "The model's server could not be reached or broke off its answer. See error.metadata.attempts.",
        status=502,
        kind="api_error",
        retry=not error.may_have_billed,
        metadata=metadata,
    )


def _refused(error: Refused, metadata: dict[str, Any]) -> UpstreamFailed:
    reply = error.reply
    metadata |= {"provider_status": reply.status, "provider_request_id": reply.request_id}
    if error.fault in _PASSES_THROUGH:
        return UpstreamFailed(
            reply.message or f"The provider refused the request with status {reply.status}.",
            status=reply.status if 400 <= reply.status < 500 else 400,
            code=_code(error),
            kind=reply.type or "invalid_request_error",
            retry=False,
            param=reply.param,
            body=reply.body,
            metadata=metadata,
        )
    if error.fault is Fault.QUOTA or reply.status == 429:
        return _limited(error, metadata)
    if error.fault is Fault.CREDENTIAL:
        return _credential(metadata)
    return UpstreamFailed(
        reply.message or f"The provider failed with status {reply.status}.",
        status=502,
        kind="api_error",
        retry=not error.may_have_billed,
        headers=_retry_after(error),
        metadata=metadata,
    )


def _credential(metadata: dict[str, Any]) -> UpstreamFailed:
    """Refused, or not to be had."""
    return UpstreamFailed(
        "The provider does not accept the gateway's credential. Tell the gateway's operator.",
        status=502,
        code="upstream_credential",
        kind="api_error",
        retry=False,
        metadata=metadata,
    )


def _limited(error: Refused, metadata: dict[str, Any]) -> UpstreamFailed:
    """The provider's own limit. A wait that no client should sit out is told in words, without `retry-after`."""
    reply, wait_s = error.reply, error.retry_after_s or 0.0
    message = reply.message or "The provider's rate limit or quota is used up. Wait, or name another model."
    long = wait_s > LONGEST_RETRY_AFTER_S
    return UpstreamFailed(
        f"{message} (retry after {wait_s:.0f} s)" if long else message,
        status=429,
        code=reply.code or "rate_limit_exceeded",
        kind=reply.type or "rate_limit_error",
        retry=error.fault is not Fault.QUOTA and not long,
        body=None if long else reply.body,
        headers=_retry_after(error),
        metadata=metadata,
    )


def _code(error: Refused) -> str:
    """The upstream's own word where it has one; numbers and absences get the word they stand for."""
    if error.fault is Fault.CONTEXT_LENGTH:
        return "context_length_exceeded"
    code = error.reply.code
    if code and not code.isdigit():
        return code
    return {Fault.CONTENT_POLICY: "content_filter", Fault.MODEL: "model_not_found"}.get(error.fault, "invalid_request")


def _retry_after(error: Refused) -> dict[str, str]:
    seconds = error.retry_after_s
    if seconds is None or seconds > LONGEST_RETRY_AFTER_S:
        return {}
    return {"retry-after": str(max(1, ceil(seconds))), "retry-after-ms": str(round(seconds * 1000))}
