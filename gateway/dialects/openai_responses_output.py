"""A chat completion → the Responses API's response object. https://platform.openai.com/docs/api-reference/responses/object"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from backends.types import Usage
from gateway.dialects.openai_responses_reasoning import Detail, merge, sealed, summaries_of, text_of

Item = dict[str, Any]
_INCOMPLETE: Mapping[str, str] = MappingProxyType({"length": "max_output_tokens", "content_filter": "content_filter"})
_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})
_NO_PLACE: Mapping[str, Any] = MappingProxyType({"url": "", "title": "", "start_index": 0, "end_index": 0})


class Ids:
    """Names of one response and of its items; an item's leads back to its response."""

    __slots__ = ("_stem", "response")

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self.response = f"resp_{stem}"

    def item(self, kind: str, index: int) -> str:
        """`kind` is OpenAI's prefix: rs, msg, fc."""
        return f"{kind}_{self._stem}_{index}"


def response_object(
    native: Mapping[str, Any],
    response_id: str,
    created: int,
    model: str,
    *,
    status: str = "in_progress",
    output: Sequence[Item] = (),
    usage: Usage | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """The whole object: what was asked, said again as OpenAI does, and what came of it."""
    text, reasoning = native.get("text") or {}, native.get("reasoning") or {}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": native.get("instructions"),
        "max_output_tokens": native.get("max_output_tokens"),
        "max_tool_calls": native.get("max_tool_calls"),
        "model": model,
        "output": list(output),
        "parallel_tool_calls": _or(native, "parallel_tool_calls", True),
        "previous_response_id": native.get("previous_response_id"),
        "prompt_cache_key": native.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": native.get("safety_identifier"),
        "service_tier": _or(native, "service_tier", "auto"),
        "store": _or(native, "store", True),
        "temperature": _or(native, "temperature", 1.0),
        "text": {"format": {"type": "text"}, **text},
        "tool_choice": _or(native, "tool_choice", "auto"),
        "tools": [{"parameters": None, "strict": False, **tool} for tool in native.get("tools") or ()],
        "top_logprobs": _or(native, "top_logprobs", 0),
        "top_p": _or(native, "top_p", 1.0),
        "truncation": _or(native, "truncation", "disabled"),
        "usage": usage_object(usage),
        "metadata": _or(native, "metadata", {}),
        **({"user": native["user"]} if native.get("user") is not None else {}),
    }


def _or(native: Mapping[str, Any], name: str, default: Any) -> Any:
    value = native.get(name)
    return default if value is None else value


def usage_object(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts, OpenAI's way: reads and writes of the cache, and reasoning, are parts of the whole."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_input,
            "cache_write_tokens": usage.cache_creation_input,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def ending(finish_reason: Any, *, refused: bool = False) -> tuple[str, str | None]:
    """Status and reason of the response. A refusal in words is a whole answer."""
    reason = _INCOMPLETE.get(finish_reason) if isinstance(finish_reason, str) else None
    if reason is None or (refused and reason == "content_filter"):
        return "completed", None
    return "incomplete", reason


def output_items(choice: Mapping[str, Any], ids: Ids, status: str = "completed") -> list[Item]:
    """Reasoning, message, calls, in this order; the last one may have been cut off."""
    message = choice.get("message") or {}
    items: list[Item] = []
    details: list[Detail] = []
    merge(details, message.get("reasoning_details") or ())
    text = message.get("reasoning_content") or message.get("reasoning") or text_of(details)
    if details or text:
        items.append(reasoning_item(ids.item("rs", 0), text if isinstance(text, str) else "", details))
    parts = _message_parts(choice, message)
    if parts:
        items.append(message_item(ids.item("msg", len(items)), parts))
    for call in message.get("tool_calls") or ():
        items.append(call_item(ids.item("fc", len(items)), call))
    if items:
        items[-1]["status"] = status
    return items


def reasoning_item(item_id: str, text: str, details: Sequence[Detail], status: str = "completed") -> Item:
    """What the model thought; in `encrypted_content` what its provider wants back."""
    item: Item = {
        "id": item_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": part} for part in summaries_of(details)],
        "status": status,
    }
    if text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    kept = sealed(list(details))
    if kept is not None:
        item["encrypted_content"] = kept
    return item


def message_item(item_id: str, parts: list[Any], status: str = "completed") -> Item:
    """What the model said."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(text: str, cited: Sequence[Any] = (), logprobs: Sequence[Any] = ()) -> Item:
    """A piece of a message. Citations that OpenAI has no name for stand beside its own, which clients check."""
    made = [annotation(one) for one in cited if isinstance(one, dict)]
    others = [one for one in made if not is_known(one)]
    part: Item = {
        "type": "output_text",
        "text": text,
        "annotations": [one for one in made if is_known(one)],
        "logprobs": [_logprob(one) for one in logprobs if isinstance(one, dict)],
    }
    return part | {"citations": others} if others else part


def refusal_part(refusal: str) -> Item:
    """A refusal, in the model's words."""
    return {"type": "refusal", "refusal": refusal}


def call_item(item_id: str, call: Mapping[str, Any], status: str = "completed") -> Item:
    """A function call. Without arguments, they are an empty object: a client will parse them."""
    function = call.get("function") or {}
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "arguments": function.get("arguments") or "{}",
        "call_id": call.get("id") or item_id,
        "name": function.get("name") or "",
    }


def annotation(given: Mapping[str, Any]) -> Item:
    """A citation: chat nests its fields under its type's name, and some providers leave out where in the text it is."""
    kind = given.get("type")
    inner = given.get(kind) if isinstance(kind, str) else None
    flat = {"type": kind, **inner} if isinstance(inner, dict) else dict(given)
    return {**_NO_PLACE, **flat} if kind == "url_citation" else {"type": None, **flat}


def is_known(made: Item) -> bool:
    """Whether OpenAI has a name for this kind of citation."""
    return made["type"] in _ANNOTATIONS


def _logprob(given: Mapping[str, Any]) -> Item:
    return {"top_logprobs": [], **given, "bytes": given.get("bytes") or []}


def _message_parts(choice: Mapping[str, Any], message: Mapping[str, Any]) -> list[Item]:
    parts: list[Item] = []
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    if content:
        parts.append(
            text_part(content, message.get("annotations") or (), (choice.get("logprobs") or {}).get("content") or ())
        )
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(refusal_part(refusal))
    return parts
