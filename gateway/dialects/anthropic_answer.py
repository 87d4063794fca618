"""An answer in the common form → a message of Anthropic's. https://docs.anthropic.com/en/api/messages"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.types import ChatRequest, Usage
from gateway.dialects.anthropic_seal import CLAUDE, seal
from gateway.dialects.anthropic_thinking import shows_thinking

_STOPS: Mapping[str, str] = MappingProxyType(
    {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
)
_THEIR_OWN = frozenset({"pause_turn", "model_context_window_exceeded"})
"""Reasons that only Anthropic has, and that a client must know to go on."""
_OF_THE_COMMON_FORM = frozenset({"type", "location_type", "start_index", "end_index"})

Block = dict[str, Any]


def render_message(chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
    """The first choice: Anthropic's answers have one."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    name = message_id(chat, answer.get("id"))
    content = _content(message, name, thinking=shows_thinking(chat.native))
    called = any(block["type"] == "tool_use" for block in content)
    reason, sequence = stop_of(choice, chat, called=called, refused=bool(message.get("refusal")))
    return orjson.dumps(
        {
            "id": name,
            "type": "message",
            "role": "assistant",
            "model": str(answer.get("model") or chat.model),
            "content": content,
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": counts_of(usage),
        }
    )


def message_id(chat: ChatRequest, given: Any) -> str:
    """The upstream's own name of the answer, by which the caller can ask for it later."""
    return given if isinstance(given, str) and given else f"msg_{chat.created:x}"


def counts_of(usage: Usage | None) -> dict[str, Any]:
    """Anthropic's classes are ours, but for the thinking, which is among its output."""
    usage = usage or Usage()
    counts: dict[str, Any] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_creation_input,
        "cache_read_input_tokens": usage.cache_read_input,
        "output_tokens": usage.completion,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def stop_of(choice: Mapping[str, Any], chat: ChatRequest, *, called: bool, refused: bool) -> tuple[str, str | None]:
    """Why it stopped, and which stop sequence did it.

    A call of a tool is one whatever the provider says: OpenAI and vLLM end a forced call with `stop`.
    """
    reason, native = choice.get("finish_reason"), choice.get("native_finish_reason")
    matched = choice.get("stop_reason")
    if isinstance(native, str) and native in _THEIR_OWN:
        return native, None
    if refused and reason in (None, "stop"):
        return "refusal", None
    if isinstance(matched, str) and matched in (chat.body.get("stop") or ()):
        return "stop_sequence", matched
    stop = _STOPS.get(reason, "end_turn") if isinstance(reason, str) else "end_turn"
    return ("tool_use" if called and stop == "end_turn" else stop), None


def _content(message: Mapping[str, Any], name: str, *, thinking: bool) -> list[Block]:
    blocks = thinking_blocks(message) if thinking else []
    text = message.get("content")
    if isinstance(text, list):  # some providers answer in parts
        text = "".join(part["text"] for part in text if isinstance(part, dict) and isinstance(part.get("text"), str))
    if isinstance(text, str) and text.strip():  # a block of nothing but white space would be refused when it comes back
        citations = citations_in(message.get("annotations"))
        blocks.append({"type": "text", "text": text, **({"citations": citations} if citations else {})})
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        blocks.append({"type": "text", "text": message["refusal"]})
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict) and isinstance(call.get("function"), dict):
            blocks.append(_tool_use(call, f"{name}_{number}"))
    return blocks


def _tool_use(call: Mapping[str, Any], fallback: str) -> Block:
    function, given = call["function"], call.get("id")
    return {
        "type": "tool_use",
        "id": given if isinstance(given, str) and given else fallback,
        "name": str(function.get("name") or ""),
        "input": input_of(function.get("arguments")),
    }


def input_of(arguments: Any) -> dict[str, Any]:
    """A call's arguments. What a model wrote that is no JSON is kept as Anthropic advises.

    https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming
    """
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {"INVALID_JSON": arguments}
    if isinstance(value, dict):
        return value
    return {} if value is None else {"INVALID_JSON": arguments}


def thinking_blocks(message: Mapping[str, Any]) -> list[Block]:
    """The reasoning, each block with a signature: Anthropic's own, or a seal of ours."""
    given = message.get("reasoning_details")
    details = [detail for detail in given if isinstance(detail, dict)] if isinstance(given, list) else []
    text = message.get("reasoning_content") or message.get("reasoning")
    if any(reasoning_text(detail) for detail in details) or not isinstance(text, str) or not text:
        return [block_of(detail) for detail in details]
    # The text stands beside details that have none of it: whatever is to come back is sealed to it.
    signed = [detail for detail in details if is_claudes(detail)]
    sealed = [detail for detail in details if not is_claudes(detail)]
    return [{"type": "thinking", "thinking": text, "signature": seal(sealed)}, *map(block_of, signed)]


def block_of(detail: Mapping[str, Any]) -> Block:
    """One detail as a block."""
    if detail.get("type") == "reasoning.encrypted":
        return {"type": "redacted_thinking", "data": detail["data"] if is_claudes(detail) else seal([detail])}
    signature = detail["signature"] if is_claudes(detail) else seal([detail])
    return {"type": "thinking", "thinking": reasoning_text(detail), "signature": signature}


def is_claudes(detail: Mapping[str, Any]) -> bool:
    """Whether Anthropic itself signed or encrypted it, and will know it again."""
    own = detail.get("data") if detail.get("type") == "reasoning.encrypted" else detail.get("signature")
    return detail.get("format") == CLAUDE and isinstance(own, str) and bool(own)


def reasoning_text(detail: Mapping[str, Any]) -> str:
    """What can be read of it."""
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""


def citations_in(annotations: Any) -> list[dict[str, Any]]:
    """Sources on the web as Anthropic's clients show them, and what was a citation of Anthropic's already.

    https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool#citations
    """
    given = annotations if isinstance(annotations, list) else ()
    return [found for one in given if isinstance(one, dict) and (found := _citation(one)) is not None]


def _citation(annotation: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, source = annotation.get("location_type"), annotation.get("url_citation")
    if isinstance(kind, str):
        fields = {name: value for name, value in annotation.items() if name not in _OF_THE_COMMON_FORM}
        return {**fields, "type": kind}
    if not isinstance(source, dict) or not isinstance(source.get("url"), str):
        return None
    cited = source.get("content")
    return {
        "type": "web_search_result_location",
        "url": source["url"],
        "title": source.get("title"),
        "cited_text": cited if isinstance(cited, str) else "",
        "encrypted_index": source.get("encrypted_index") or seal(),
    }
