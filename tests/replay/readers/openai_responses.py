"""OpenAI's responses. https://platform.openai.com/docs/api-reference/responses and .../responses-streaming"""

import json
from typing import Any

from tests.replay.readers.faults import faults
from tests.replay.readers.framing import sse_objects
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})


def read_whole(body: bytes) -> Reading:
    """A response object."""
    return _read(json.loads(body))


def read_stream(body: bytes) -> Reading:
    """The last event holds the whole response: what was streamed before only tells it in pieces.

    Where it does not (some imitators leave `output` empty there), the items that were told to be done do.
    """
    items: dict[int, Any] = {}
    for event in sse_objects(body):
        kind = event.get("type")
        if kind == "error":
            return Reading(faults=faults(500, json.dumps(event)) | {"caller", "capacity"})
        if kind == "response.output_item.done":
            items[event["output_index"]] = event["item"]
        elif kind in _LAST:
            response = event["response"]
            output = response.get("output") or [items[index] for index in sorted(items)]
            return _read({**response, "output": output})
    return _read({"output": [items[index] for index in sorted(items)]})


def _read(response: dict[str, Any]) -> Reading:
    if response.get("error"):
        error = response["error"]
        return Reading(faults=faults(500, json.dumps(error)) | {"caller", "capacity"})
    texts, refusals, thoughts, tools, signatures = [], [], [], [], set()
    for item in response.get("output") or []:
        kind = item.get("type")
        if kind == "message":
            texts += [part.get("text") or "" for part in item["content"] if part["type"] == "output_text"]
            refusals += [part["refusal"] for part in item["content"] if part["type"] == "refusal"]
        elif kind == "function_call":
            tools.append(Tool(item["call_id"], item["name"], canonical(item["arguments"])))
        elif kind == "reasoning":
            told = item.get("content") or item.get("summary") or []
            thoughts += [part.get("text") or "" for part in told]
            signatures.add(item.get("encrypted_content"))
    choice = Choice(joined(texts), joined(thoughts), joined(refusals), tuple(tools), _finish(response, bool(tools)))
    return Reading((choice,), _usages(response.get("usage")), frozenset(value for value in signatures if value))


def _finish(response: dict[str, Any], calls: bool) -> str | None:
    status = response.get("status")
    if status == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        return "content_filter" if reason == "content_filter" else "length"
    if status != "completed":
        return None
    return "tool_calls" if calls else "stop"


def _usages(usage: Any) -> tuple[Tokens, ...]:
    if not usage:
        return ()
    details = usage.get("input_tokens_details") or {}
    cached, created = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    prompt, completion = usage["input_tokens"], usage["output_tokens"]
    thought = (usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0
    beside = max((usage.get("total_tokens") or 0) - prompt - completion, 0)
    if beside:
        return (Tokens(prompt - cached - created, cached, created, completion, beside),)
    thought = min(thought, completion)
    return (Tokens(prompt - cached - created, cached, created, completion - thought, thought),)
