"""OpenAI's messages as Anthropic's `system` and `messages`.

Instructions stand beside the conversation, wherever they stood in it, as Anthropic's own OpenAI layer has it
(https://docs.anthropic.com/en/api/openai-sdk#system-developer-message-hoisting); roles must alternate, so what follows
each other in one role becomes one message; a tool's result is the user's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers.anthropic.blocks import FORMAT
from backends.providers.anthropic.parts import render_parts

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_THINKING = ("thinking", "redacted_thinking")


class Prompt(NamedTuple):
    """What the model is told."""

    system: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    dropped: tuple[str, ...]

    @property
    def thought_before_its_tools(self) -> bool:
        """Whether the turn that is under way (tools called, their results given) begins with its thinking.

        With a thinking budget Anthropic refuses one that does not, and a client that only speaks OpenAI may have lost
        it. https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
        """
        for message in reversed(self.messages):
            blocks = message["content"]
            if message["role"] == "assistant":
                if any(block["type"] == "tool_use" for block in blocks):
                    return bool(blocks[0]["type"] in _THINKING)
                return True
            if not any(block["type"] == "tool_result" for block in blocks):
                return True
        return True


def render_prompt(messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """Raises NotCarried."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    dropped: set[str] = set()
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        role = message.get("role")
        if message.get("name"):
            dropped.add("messages.name")
        if role in ("system", "developer"):
            system += _cached(message, render_parts(message.get("content"), f"{param}.content"))
            continue
        if role == "assistant":
            blocks = _assistant(message, param)
        elif role == "tool":
            role, blocks = "user", [_result(message, param)]
        elif role == "user":
            blocks = render_parts(message.get("content"), f"{param}.content")
        else:
            raise NotCarried(f"{param}.role", "Functions are called tools here: send role 'tool' with a tool_call_id.")
        _append(turns, str(role), _cached(message, blocks))
    _trim(turns)
    return Prompt(system, turns, tuple(sorted(dropped)))


def _append(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _cached(message: Mapping[str, Any], blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`cache_control` on a message means: up to its end."""
    if blocks and message.get("cache_control"):
        blocks[-1]["cache_control"] = message["cache_control"]
    return blocks


def _trim(turns: list[dict[str, Any]]) -> None:
    """A begun answer must not end in blanks, Anthropic says."""
    if turns and turns[-1]["role"] == "assistant":
        last = turns[-1]["content"][-1]
        if last["type"] == "text" and last["text"].strip():
            last["text"] = last["text"].rstrip()


def _assistant(message: Mapping[str, Any], param: str) -> list[dict[str, Any]]:
    if message.get("function_call"):
        raise NotCarried(f"{param}.function_call", "Functions are called tools here: send tool_calls.")
    blocks = _before_text(message)
    blocks += render_parts(message.get("content") or message.get("refusal"), f"{param}.content")
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        blocks.append(_call(call, f"{param}.tool_calls[{index}]"))
    return blocks


def _call(call: Any, param: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise NotCarried(param, "Only calls of functions can be carried.")
    arguments = function.get("arguments") or "{}"
    try:
        given = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise NotCarried(f"{param}.function.arguments", "A call's arguments must be a JSON object.")
    block = {"type": "tool_use", "id": _id(call.get("id")), "name": function.get("name"), "input": given}
    return {**block, "caller": call["caller"]} if call.get("caller") else block


def _result(message: Mapping[str, Any], param: str) -> dict[str, Any]:
    content = message.get("content")
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": _id(message.get("tool_call_id")),
        "content": content if isinstance(content, str) else render_parts(content, f"{param}.content"),
    }
    if message.get("is_error"):
        result["is_error"] = True
    return result


def _id(value: Any) -> str:
    """Other providers' ids hold characters that Anthropic refuses; call and result are changed alike."""
    return _NO_ID.sub("_", str(value))


def _before_text(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Thinking, and what Anthropic's own tools did, in the order in which they came."""
    found = [*_thinking(message.get("reasoning_details")), *_server_blocks(message.get("server_tool_blocks"))]
    return [block for _, block in sorted(found, key=lambda place: place[0])]


def _thinking(details: Any) -> list[tuple[int, dict[str, Any]]]:
    """Restored from reasoning_details, whole or in the pieces in which they were streamed. Unsigned thinking, and other
    providers', would be refused."""
    restored: dict[tuple[int, str], dict[str, Any]] = {}
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict) or detail.get("format") != FORMAT:
            continue
        index = detail.get("index")
        index = index if isinstance(index, int) else len(restored)
        kind = str(detail.get("type"))
        if kind == "reasoning.encrypted":
            restored[index, kind] = {"type": "redacted_thinking", "data": detail.get("data")}
        elif kind == "reasoning.text":
            block = restored.setdefault((index, kind), {"type": "thinking", "thinking": "", "signature": ""})
            block["thinking"] += str(detail.get("text") or "")
            block["signature"] = detail.get("signature") or block["signature"]
    return [(place[0], block) for place, block in restored.items() if block.get("signature") or block.get("data")]


def _server_blocks(blocks: Any) -> list[tuple[int, dict[str, Any]]]:
    return [
        (
            index if isinstance(index := block.get("index"), int) else 0,
            {name: value for name, value in block.items() if name != "index"},
        )
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, dict) and isinstance(block.get("type"), str)
    ]
