"""Why an answer ended: Converse's word for it in the common form.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (`stopReason`)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
)
"""All others (`malformed_model_output`, `malformed_tool_use`, what is still to come) are plain stops."""


def finish(stopped: Any, extra: Any, *, called: bool) -> dict[str, Any]:
    """What a choice says of its end. `called`: it has tool calls for the caller; `tool_use` may mean the provider's
    own tools alone. `extra` is `additionalModelResponseFields`."""
    word = stopped if isinstance(stopped, str) else ""
    reason = FINISH_REASONS.get(word, "stop")
    if reason == "tool_calls" and not called:
        reason = "stop"
    said: dict[str, Any] = {"finish_reason": reason, "native_finish_reason": word}
    matched = extra.get("stop_sequence") if isinstance(extra, dict) else None
    if isinstance(matched, str):
        said["stop_reason"] = matched
    return said
