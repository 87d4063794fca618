"""An answer's content blocks in the common form: what a whole answer and a stream of one have in common.

https://docs.anthropic.com/en/api/messages#response-content
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

FORMAT = "anthropic-claude-v1"
"""OpenRouter's name for reasoning that Claude signed."""

_FINISH: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)
"""https://docs.anthropic.com/en/docs/build-with-claude/handling-stop-reasons"""
_TIERS: Mapping[str, str] = MappingProxyType({"standard": "default", "priority": "priority", "batch": "batch"})
REFUSED = "The model declined to answer this request."


def finish(reason: str, sequence: Any) -> dict[str, Any]:
    """The choice's fields that say why the answer ended."""
    fields: dict[str, Any] = {"finish_reason": _FINISH.get(reason, "stop"), "native_finish_reason": reason}
    if sequence is not None:
        fields["stop_reason"] = sequence
    return fields


def refusal(details: Any) -> str:
    """The words that go with a refusal; most models give none."""
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) and explanation else REFUSED


def service_tier(usage: Any) -> str | None:
    """Which tier served the answer, in OpenAI's word."""
    tier = usage.get("service_tier") if isinstance(usage, dict) else None
    return _TIERS.get(tier, tier) if isinstance(tier, str) else None


def thinking(text: str, index: int, signature: str | None = None) -> dict[str, Any]:
    """A reasoning detail. The signature comes back with the next turn, and the block can be restored from both."""
    detail = {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index}
    return detail if signature is None else {**detail, "signature": signature}


def signature(value: str, index: int) -> dict[str, Any]:
    """A reasoning detail that adds the signature to what came before under the same index."""
    return {"type": "reasoning.text", "signature": value, "format": FORMAT, "index": index}


def call(block: Mapping[str, Any], arguments: str) -> dict[str, Any]:
    """A tool call. One that Anthropic's code execution made says so, and must say so when it comes back.

    https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
    """
    function = {"name": block.get("name"), "arguments": arguments}
    made = {"id": block.get("id"), "type": "function", "function": function}
    caller = block.get("caller")
    if isinstance(caller, dict) and caller.get("type") != "direct":
        made["caller"] = caller
    return made


def redacted(data: Any, index: int) -> dict[str, Any]:
    """A reasoning detail that nobody but Anthropic can read."""
    return {"type": "reasoning.encrypted", "data": data, "format": FORMAT, "index": index}


def annotation(citation: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    """A citation, with the part of the answer that it supports.

    https://docs.anthropic.com/en/docs/build-with-claude/citations
    """
    if "url" in citation:
        cited = {name: value for name, value in citation.items() if name not in ("type", "cited_text")}
        if "cited_text" in citation:
            cited["content"] = citation["cited_text"]  # OpenRouter's name for it
        return {"type": "url_citation", "url_citation": {**cited, "start_index": start, "end_index": end}}
    fields = {**citation, "type": "citation", "location_type": citation.get("type")}
    return {**fields, "start_index": start, "end_index": end}
