"""OpenAI's chat completions, and how its many imitators write them.

https://platform.openai.com/docs/api-reference/chat, https://api-docs.deepseek.com, https://docs.mistral.ai/api,
https://openrouter.ai/docs/api-reference, https://console.groq.com/docs, https://docs.x.ai
"""

import json
from typing import Any

from tests.replay.readers.faults import faults
from tests.replay.readers.framing import sse_objects
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined

_FINISH = {
    "stop": "stop",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",  # an Azure deepseek-r1 deployment
    "function_call": "tool_calls",  # before tools, 2023
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Z.ai
}


def read_whole(body: bytes) -> Reading:
    """A chat completion."""
    answer = json.loads(body)
    if answer.get("error"):
        return _error(answer)
    choices = [_choice(_as_parts(choice.get("message") or {}), _finish_said(choice)) for choice in answer["choices"]]
    return Reading(tuple(choices), usages(_usage_in(answer)), _signatures(answer["choices"], "message"))


def read_stream(body: bytes) -> Reading:
    """Chunks, folded."""
    parts: dict[int, list[dict[str, Any]]] = {}
    finishes: dict[int, str | None] = {}
    usage: Any = None
    signatures: frozenset[str] = frozenset()
    for chunk in sse_objects(body):
        if chunk.get("error"):
            return _error(chunk)
        usage = _usage_in(chunk) or usage
        signatures |= _signatures(chunk.get("choices") or [], "delta")
        for choice in chunk.get("choices") or []:
            index = choice.get("index") or 0
            parts.setdefault(index, []).append(_as_parts(choice.get("delta") or {}))
            finishes[index] = _finish_said(choice) or finishes.get(index)
    choices = [_choice(_folded(parts[index]), finishes[index]) for index in sorted(parts)]
    return Reading(tuple(choices), usages(usage), signatures)


def usages(usage: Any) -> tuple[Tokens, ...]:
    """Disjoint classes. Where the total is more than prompt and completion, the rest is reasoning that was counted
    beside them (xAI, Gemini's compatible endpoint), or audio (Mistral)."""
    if not isinstance(usage, dict):
        return ()
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    details = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or usage.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    cached = cached or usage.get("num_cached_tokens") or usage.get("cache_read_input_tokens") or 0
    cached = min(cached, prompt)  # Grok on Azure reports more of them than there are tokens in the prompt
    created = details.get("cache_write_tokens") or usage.get("cache_creation_input_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    beside = max((usage.get("total_tokens") or 0) - prompt - completion, 0)
    if beside and beside == details.get("audio_tokens"):
        prompt, beside = prompt + beside, 0
    if "market_cost" in usage:  # Vercel charges for both: the cost that it reports proves it, its total does not
        beside = thought
    if beside:
        tokens = Tokens(prompt - cached - created, cached, created, completion, beside)
    else:  # what is billed is `completion_tokens`; some report more reasoning than that
        thought = min(thought, completion)
        tokens = Tokens(prompt - cached - created, cached, created, completion - thought, thought)
    return (tokens,)


def _usage_in(answer: dict[str, Any]) -> Any:
    return answer.get("usage") or (answer.get("x_groq") or {}).get("usage")


def _error(answer: dict[str, Any]) -> Reading:
    error = answer["error"]
    code = str(error.get("code") or error.get("status_code") or "") if isinstance(error, dict) else ""
    status = int(code) if len(code) == 3 and code.isdigit() else 500
    found = faults(status, json.dumps(answer))
    return Reading(faults=found | {"caller"} if "capacity" in found and status == 500 else found)


def _finish_said(choice: dict[str, Any]) -> str | None:
    old = choice.get("finish_details") or {}  # the first vision models
    return choice.get("finish_reason") or old.get("type") or None


def _as_parts(message: dict[str, Any]) -> dict[str, Any]:
    """A message or a delta, its content told apart: Mistral's may be a list of `thinking` and `text` parts."""
    content = message.get("content")
    thinking: list[str] = []
    if isinstance(content, list):
        for part in content:
            if part.get("type") == "thinking":
                inner = part["thinking"]
                thinking += [inner] if isinstance(inner, str) else [each.get("text") or "" for each in inner]
        content = joined([part.get("text") or "" for part in content if part.get("type") == "text"])
    details = message.get("reasoning_details") or []
    detailed = joined([detail.get("text") or detail.get("summary") or "" for detail in details])
    reasoning = message.get("reasoning_content") or message.get("reasoning") or joined(thinking) or detailed
    return {**message, "content": content or "", "reasoning": reasoning}


def _folded(deltas: list[dict[str, Any]]) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    for delta in deltas:
        for call in delta.get("tool_calls") or []:
            _fold_call(tools, call)
        if delta.get("function_call"):
            _fold_call(tools, {"index": "function", "function": delta["function_call"]})
    return {
        "content": joined([delta["content"] for delta in deltas]),
        "reasoning": joined([delta["reasoning"] for delta in deltas]),
        "refusal": joined([delta.get("refusal") or "" for delta in deltas]),
        "tool_calls": tools,
    }


def _fold_call(tools: list[dict[str, Any]], call: dict[str, Any]) -> None:
    """A piece goes to the call of its index; one without an index begins a call if it has a name or another id."""
    function = call.get("function") or {}
    index = call.get("index")
    known = [tool for tool in tools if index is not None and tool["index"] == index]
    if index is None and tools and not function.get("name"):
        known = tools[-1:]
    if not known:
        known = [{"index": index, "id": None, "function": {"name": "", "arguments": ""}}]
        tools += known
    tool = known[-1]
    tool["id"] = tool["id"] or call.get("id")
    tool["function"]["name"] = tool["function"]["name"] or function.get("name") or ""
    arguments = function.get("arguments")
    tool["function"]["arguments"] += json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""


def _choice(message: dict[str, Any], finish: str | None) -> Choice:
    calls = list(message.get("tool_calls") or [])
    if (message.get("function_call") or {}).get("name"):
        calls.append({"function": message["function_call"]})
    tools = tuple(
        Tool(call.get("id") or None, call["function"]["name"], canonical(call["function"].get("arguments")))
        for call in calls
    )
    said = _FINISH[finish] if finish else ("tool_calls" if tools else "stop")
    return Choice(message["content"], message["reasoning"], message.get("refusal") or "", tools, said)


def _signatures(choices: list[Any], place: str) -> frozenset[str]:
    found = set()
    for choice in choices:
        for detail in (choice.get(place) or {}).get("reasoning_details") or []:
            found |= {detail.get("signature"), detail.get("data")}
    return frozenset(value for value in found if value)
