"""A whole answer of Cohere's chat in the common form. https://docs.cohere.com/reference/chat#response"""

from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.cohere.answer import (
    THINKING,
    TOOL_PLAN,
    annotations,
    failed,
    finish,
    logprobs,
    thought,
)
from backends.providers.cohere.errors import failed_answer
from backends.providers.cohere.usage import read_usage
from backends.types import ChatRequest


def read_completion(chat: ChatRequest, body: bytes) -> Completion:
    """Raises BadAnswer for what is no chat of Cohere's, Refused for one that failed inside a 200."""
    answer = read_object(body)
    message, reason = answer.get("message"), answer.get("finish_reason")
    if failed(reason):
        raise failed_answer(str(reason))
    if not isinstance(message, dict):
        raise BadAnswer("a success status, but no message in the answer")
    try:
        said = _message(message)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadAnswer("a success status, but a message without what belongs to it") from error
    choice = {"index": 0, "message": said, "logprobs": logprobs(answer.get("logprobs")), **finish(reason)}
    completion = {
        "id": answer.get("id") or "",
        "object": "chat.completion",
        "created": chat.created,
        "model": chat.model,
        "choices": [choice],
    }
    return Completion(completion, read_usage(answer.get("usage")))


def read_object(body: bytes) -> dict[str, Any]:
    """A 200's body. Raises BadAnswer."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    return answer


def _message(message: dict[str, Any]) -> dict[str, Any]:
    texts: list[str] = []
    details: list[dict[str, Any]] = []
    content = message.get("content") or ()
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if part.get("type") == "thinking":
            details.append(thought(part["thinking"], THINKING, len(details)))
        else:
            texts.append(part.get("text") or "")
    if message.get("tool_plan"):
        details.append(thought(message["tool_plan"], TOOL_PLAN, len(details)))
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    said: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls else ""), "refusal": None}
    if details:
        said["reasoning_content"] = said["reasoning"] = "".join(detail["text"] for detail in details)
        said["reasoning_details"] = details
    if calls:
        said["tool_calls"] = calls
    notes = [note for citation in message.get("citations") or () for note in annotations(citation)]
    if notes:
        said["annotations"] = notes
    return said


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function.get("arguments") or "{}"
    return {"id": call["id"], "type": "function", "function": {"name": function["name"], "arguments": arguments}}
