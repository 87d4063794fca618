"""OpenAI's conversation as Converse's: turns of user and assistant that alternate, and the system's words beside them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers.bedrock.parts import cache_point, render_content
from backends.providers.bedrock.thoughts import restore_blocks

_CALL_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_BLANK = " "


class Conversation(NamedTuple):
    """`messages` and `system` of a Converse body."""

    messages: list[dict[str, Any]]
    system: list[dict[str, Any]]
    called: tuple[str, ...]
    """Names of the tools that were called in it."""

    @property
    def thought_before_its_tools(self) -> bool:
        """A turn that waits for its tools' results began with a thought, or there is no such turn."""
        last = self.messages[-1]["content"]
        if len(self.messages) < 2 or not any("toolResult" in block for block in last):
            return True
        return "reasoningContent" in self.messages[-2]["content"][0]


def render_conversation(messages: Any, *, thoughts: bool) -> Conversation:
    """`thoughts`: the model takes its reasoning of earlier turns back. Raises NotCarried."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    called: dict[str, None] = {}
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, Mapping):
            continue
        role, where = message.get("role"), f"messages[{index}].content"
        if role in ("system", "developer"):
            system += _spoken(message, where)
        elif role == "assistant":
            called.update(dict.fromkeys(_names(message)))
            _append(turns, "assistant", _answered(message, where, thoughts=thoughts))
        elif role in ("tool", "function"):
            _append(turns, "user", _tool_result(message, where))
        else:
            _append(turns, "user", _spoken(message, where))
    if not turns:
        raise NotCarried("messages", "Bedrock's Converse needs at least one message that says something.")
    return Conversation(turns, system, tuple(called))


def _append(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    """Turns alternate, and the results of one turn's calls stand in one message."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _spoken(message: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    return render_content(message.get("content"), where) + cache_point(message.get("cache_control"))


def _answered(message: Mapping[str, Any], where: str, *, thoughts: bool) -> list[dict[str, Any]]:
    blocks = restore_blocks(message.get("reasoning_details")) if thoughts else []
    blocks += render_content(message.get("content"), where)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        blocks.append({"text": refusal})
    for call in _calls(message):
        function = call["function"]
        use = {"toolUseId": call_id(call.get("id")), "name": function["name"], "input": _input(function, where)}
        blocks.append({"toolUse": use})
    return blocks + cache_point(message.get("cache_control"))


def _tool_result(message: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """`status` and `is_error` are no fields of OpenAI's, but of who translates into its form."""
    blocks = render_content(message.get("content"), where)
    points = [block for block in blocks if "cachePoint" in block]
    content = [block for block in blocks if "cachePoint" not in block]
    name = message.get("tool_call_id", message.get("name"))
    result: dict[str, Any] = {"toolUseId": call_id(name), "content": content or [{"text": _BLANK}]}
    if message.get("is_error") or message.get("status") == "error":
        result["status"] = "error"
    return [{"toolResult": result}, *(points or cache_point(message.get("cache_control")))]


def _calls(message: Mapping[str, Any]) -> list[Any]:
    calls = message.get("tool_calls") or ()
    found = [call for call in calls if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping)]
    old = message.get("function_call")
    if isinstance(old, Mapping):
        found.append({"id": old.get("name"), "function": old})
    return [call for call in found if isinstance(call["function"].get("name"), str)]


def _names(message: Mapping[str, Any]) -> list[str]:
    return [call["function"]["name"] for call in _calls(message)]


def _input(function: Mapping[str, Any], where: str) -> Any:
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return orjson.loads(arguments) if arguments.strip() else {}
    except orjson.JSONDecodeError as error:
        where = where.removesuffix("content") + "tool_calls"
        raise NotCarried(where, "Bedrock takes a tool call's arguments as JSON, and these are none.") from error


def call_id(given: Any) -> str:
    """Ids from elsewhere may be longer than Converse's 64 characters, or hold others: then one that stands for them."""
    text = str(given or "call")
    return text if _CALL_ID.fullmatch(text) else "call_" + blake2b(text.encode(), digest_size=12).hexdigest()
