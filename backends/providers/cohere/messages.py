"""OpenAI's conversation as Cohere's: nearly the same, but for reasoning, refusals and files.

https://docs.cohere.com/reference/chat#request.body.messages
"""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from typing import Any, NamedTuple

from backends.errors import NotCarried
from backends.providers.cohere.answer import THINKING, TOOL_PLAN

_TEXT_FILE = "data:text/"


class Conversation(NamedTuple):
    """`messages` of a body, and the texts that were sent as files, which are `documents` there."""

    messages: list[dict[str, Any]]
    documents: list[dict[str, Any]]


def render_conversation(messages: Any) -> Conversation:
    """Raises NotCarried."""
    documents: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, Mapping):
            turns.append(_turn(message, f"messages[{index}]", documents))
    if not turns:
        raise NotCarried("messages", "Cohere's chat needs at least one message.")
    return Conversation(turns, documents)


def _turn(message: Mapping[str, Any], where: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    role, content = message.get("role"), message.get("content")
    where += ".content"
    if role == "assistant":
        return _answered(message, where)
    if role in ("tool", "function"):
        name = message.get("tool_call_id", message.get("name"))
        return {"role": "tool", "tool_call_id": str(name or ""), "content": _texts(content, where, of_tool=True)}
    if role in ("system", "developer"):
        return {"role": "system", "content": _texts(content, where)}
    parts = content if isinstance(content, str) else _parts(content, where, documents)
    return {"role": "user", "content": parts}


def _answered(message: Mapping[str, Any], where: str) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": "assistant"}
    thinking = _thoughts(message.get("reasoning_details"), THINKING)
    content = _texts(message.get("content"), where)
    refusal = message.get("refusal")
    if not content and isinstance(refusal, str):
        content = refusal
    if thinking:
        said = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
        content = [{"type": "thinking", "thinking": thinking}, *said]
    if content:
        turn["content"] = content
    calls = message.get("tool_calls")
    old = message.get("function_call")
    if not calls and isinstance(old, Mapping):
        calls = [{"id": old.get("name"), "function": old}]
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls if isinstance(call, Mapping)]
        plan = _thoughts(message.get("reasoning_details"), TOOL_PLAN)
        if plan:
            turn["tool_plan"] = plan
    elif not content:
        turn["content"] = ""
    return turn


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    said = {"name": function.get("name"), "arguments": function.get("arguments") or "{}"}
    return {"id": call.get("id"), "type": "function", "function": said}


def _thoughts(details: Any, owner: str) -> str:
    """What Cohere itself thought; a stream's pieces are joined, however the client kept them."""
    own = [
        str(detail.get("text") or "")
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, Mapping) and str(detail.get("format", "")).startswith(owner)
    ]
    return "".join(own)


def _texts(content: Any, where: str, *, of_tool: bool = False) -> Any:
    """A string, or a list of texts; in a tool's result documents as well, in Cohere's own words."""
    if content is None or isinstance(content, str):
        return content or ""
    texts: list[Any] = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, str):
            texts.append({"type": "text", "text": part})
        elif kind in ("text", "input_text", "output_text", "refusal"):
            texts.append({"type": "text", "text": str(part.get("text", part.get("refusal")) or "")})
        elif of_tool and kind == "document":
            texts.append({"type": "document", "document": part.get("document")})
        else:
            raise NotCarried(
                f"{where}[{index}]", f"Cohere takes texts here, no content of the type {str(kind)[:60]!r}."
            )
    return texts


def _parts(content: Any, where: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(content or ()):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "image_url":
            parts.append({"type": "image_url", "image_url": _image(part.get("image_url"))})
        elif kind == "file":
            documents.append(_document(part.get("file"), f"{where}[{index}]", len(documents)))
        else:
            parts += _texts([part], f"{where}[{index}]")
    return parts


def _image(image: Any) -> dict[str, Any]:
    return {"url": image} if isinstance(image, str) else dict(image or {})


def _document(file: Any, where: str, number: int) -> dict[str, Any]:
    """A text sent as a file. Cohere reads no other documents.

    https://docs.cohere.com/docs/retrieval-augmented-generation-rag
    """
    data = file.get("file_data") if isinstance(file, Mapping) else None
    if not isinstance(data, str) or not data.startswith(_TEXT_FILE) or ";base64," not in data:
        raise NotCarried(where, "Cohere reads texts as files (data:text/plain;base64,...), and no others.")
    try:
        text = b64decode(data.partition(";base64,")[2], validate=True).decode()
    except (Error, ValueError) as error:
        raise NotCarried(where, "The file is no text in base64.") from error
    return {"id": f"file:{number}", "data": {"title": str(file.get("filename") or f"file {number}"), "text": text}}
