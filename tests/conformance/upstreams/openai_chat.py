"""OpenAI's chat completions, with DeepSeek's name for reasoning and OpenRouter's details.

https://platform.openai.com/docs/api-reference/chat
"""

import json
from typing import Any

from tests.conformance.said import MODEL, Said, halves

_HEAD = {"id": "chatcmpl-made-up", "created": 1_700_000_000, "model": MODEL}


def whole(said: Said) -> bytes:
    """A chat completion."""
    choices = []
    for number in range(said.copies):
        message: dict[str, Any] = {"role": "assistant", "content": _text(said, number) or None}
        message |= {"refusal": said.refusal or None}
        if said.reasoning:
            message |= {"reasoning_content": said.reasoning}
        if said.source:
            message["annotations"] = [_citation(said)]
        if said.tools:
            message["tool_calls"] = [_call(tool) for tool in said.tools]
        choice = {"index": number, "message": message, "finish_reason": _finish(said), "logprobs": _logprobs(said)}
        choices.append(choice)
    answer = {**_HEAD, "object": "chat.completion", "choices": choices, "usage": _usage(said)}
    return json.dumps(answer).encode()


def stream(said: Said) -> bytes:
    """Its chunks, with usage in the last one."""
    chunks: list[dict[str, Any]] = []
    for number in range(said.copies):
        chunks.append(_chunk(number, {"role": "assistant", "content": ""}))
        chunks += [_chunk(number, {"reasoning_content": piece}) for piece in halves(said.reasoning)]
        chunks += [
            _chunk(number, {"content": piece}, logprobs=_logprobs(said)) for piece in halves(_text(said, number))
        ]
        chunks += [_chunk(number, {"refusal": piece}) for piece in halves(said.refusal)]
        if said.source:
            chunks.append(_chunk(number, {"annotations": [_citation(said)]}))
        for index, tool in enumerate(said.tools):
            begun = {**_call(tool), "index": index}
            begun["function"] = {"name": tool.name, "arguments": ""}
            chunks.append(_chunk(number, {"tool_calls": [begun]}))
            for piece in halves(tool.arguments):
                chunks.append(_chunk(number, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
        chunks.append(_chunk(number, {}, _finish(said)))
    chunks.append({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _usage(said)})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def _chunk(number: int, delta: Any, finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    choice = {"index": number, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def _text(said: Said, number: int) -> str:
    return said.text if said.copies == 1 else f"{said.text}{number}"


def _finish(said: Said) -> str:
    """A refusal ends with `stop` (recorded)."""
    return "stop" if said.refusal else said.finish


def _call(tool: Any) -> dict[str, Any]:
    return {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": tool.arguments}}


def _citation(said: Said) -> dict[str, Any]:
    cited = {"url": said.source, "title": "Annals", "start_index": 0, "end_index": len(said.text)}
    return {"type": "url_citation", "url_citation": cited}


def _logprobs(said: Said) -> Any:
    if said.logprob is None:
        return None
    return {
        "content": [{"token": said.text, "logprob": said.logprob, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }


def _usage(said: Said) -> dict[str, Any]:
    counted = said.usage
    prompt = counted.input + counted.cache_read + counted.cache_creation
    completion = counted.output + counted.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": counted.cache_read, "cache_write_tokens": counted.cache_creation},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning},
    }
