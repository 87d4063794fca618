"""What each provider refuses in a request's structure, from its documentation: rules that a translation can break even
if it asks the right thing. Each gives what is wrong, in words."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any


def _twice(names: list[str], what: str) -> list[str]:
    return [f"{what} stands twice: {name}" for name in set(names) if names.count(name) > 1]


def anthropic(body: Any) -> list[str]:
    """https://docs.anthropic.com/en/api/messages: results come first, in the turn after their calls, one for each."""
    found = [] if isinstance(body.get("max_tokens"), int) else ["max_tokens is missing"]
    turns = [(turn["role"], _blocks(turn["content"])) for turn in body["messages"]]
    for number, (role, blocks) in enumerate(turns):
        last = number == len(turns) - 1
        if not blocks and (role == "user" or not last):
            found.append(f"turn {number} is empty")
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        after = [] if last else turns[number + 1][1]
        results = [block["tool_use_id"] for block in after if block["type"] == "tool_result"]
        if calls and not last and sorted(results) != sorted(calls):
            found.append(f"turn {number} calls {calls}, the next answers {results}")
        found += _anthropic_turn(blocks)
    found += _thinking(body)
    return found + _twice([tool["name"] for tool in body.get("tools") or [] if "name" in tool], "a tool's name")


def _anthropic_turn(blocks: list[Any]) -> list[str]:
    kinds = [block["type"] for block in blocks]
    results = kinds.count("tool_result")
    found = [] if kinds[:results] == ["tool_result"] * results else [f"results do not come first: {kinds}"]
    found += ["an empty text" for block in blocks if block["type"] == "text" and not block["text"].strip()]
    uses = [block["input"] for block in blocks if block["type"] == "tool_use"]
    return found + [f"an input is no object: {value!r}" for value in uses if type(value) is not dict]


def _thinking(body: Any) -> list[str]:
    """https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"""
    budget = (body.get("thinking") or {}).get("budget_tokens")
    if budget is None:
        return []
    found = [] if 1024 <= budget < body["max_tokens"] else [f"a thinking budget of {budget} in {body['max_tokens']}"]
    if body.get("temperature") not in (None, 1):
        found.append("a temperature while thinking")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        found.append("a forced tool while thinking")
    return found


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def gemini(body: Any) -> list[str]:
    """https://ai.google.dev/api/caching#Content: parts have one kind of data; calls are answered in the next turn."""
    contents = body["contents"]
    found = [] if contents else ["contents are empty"]
    for number, content in enumerate(contents):
        if content.get("role") not in ("user", "model"):
            found.append(f"a role {content.get('role')!r}")
        if not content["parts"]:
            found.append(f"content {number} has no parts")
        found += [wrong for part in content["parts"] for wrong in _gemini_part(part)]
    for before, after in pairwise(contents):
        calls = [part["functionCall"]["name"] for part in before["parts"] if "functionCall" in part]
        results = [part["functionResponse"]["name"] for part in after["parts"] if "functionResponse" in part]
        if sorted(calls) != sorted(results):
            found.append(f"calls {calls}, results {results}")
    declared = [each["name"] for tool in body.get("tools") or [] for each in tool.get("functionDeclarations") or []]
    return found + _twice(declared, "a function's name")


def _gemini_part(part: Any) -> list[str]:
    found = []
    kinds = {"text", "inlineData", "fileData", "functionCall", "functionResponse"} & set(part)
    if len(kinds) != 1:
        found.append(f"a part of {sorted(part)}")
    if "functionCall" in part and type(part["functionCall"].get("args", {})) is not dict:
        found.append("args are no object")
    if "functionResponse" in part and type(part["functionResponse"]["response"]) is not dict:
        found.append("a response is no object")
    return found + (_base64(part["inlineData"]["data"]) if "inlineData" in part else [])


def converse(body: Any) -> list[str]:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html: turns alternate."""
    turns = body["messages"]
    found = ["an empty turn" for turn in turns if not turn["content"]]
    if not turns or turns[0]["role"] != "user":
        found.append("the first turn is not the user's")
    for before, after in pairwise(turns):
        if before["role"] == after["role"]:
            found.append(f"two turns of {after['role']}")
        calls = [block["toolUse"]["toolUseId"] for block in before["content"] if "toolUse" in block]
        results = [block["toolResult"]["toolUseId"] for block in after["content"] if "toolResult" in block]
        if sorted(calls) != sorted(results):
            found.append(f"calls {calls}, results {results}")
    blocks = [block for turn in turns for block in turn["content"]]
    if any("toolUse" in block or "toolResult" in block for block in blocks) and "toolConfig" not in body:
        found.append("calls or results without a toolConfig")
    if (body.get("toolConfig") or {}).get("tools") == []:
        found.append("a toolConfig without tools")
    return found + [wrong for block in blocks for wrong in _converse_block(block)]


def _converse_block(block: Any) -> list[str]:
    found = []
    if "text" in block and not block["text"].strip():
        found.append("an empty text")
    if "toolUse" in block and type(block["toolUse"]["input"]) is not dict:
        found.append("an input is no object")
    for kind in ("image", "document"):
        if kind in block and "bytes" in block[kind]["source"]:
            found += _base64(block[kind]["source"]["bytes"])
    return found


def openai_chat(body: Any) -> list[str]:
    """https://platform.openai.com/docs/api-reference/chat/create: each call is answered before anybody else speaks."""
    found = []
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            answered = message.get("tool_call_id")
            if answered not in waiting:
                found.append(f"a result for {answered}, which nobody called")
            else:
                waiting.remove(answered)
        elif waiting:
            found.append(f"{message['role']} speaks before {waiting} are answered")
            waiting = []
        for call in message.get("tool_calls") or []:
            waiting.append(call["id"])
            if not isinstance(call["function"].get("arguments"), str):
                found.append("arguments are no text")
    return found


def cohere(body: Any) -> list[str]:
    """https://docs.cohere.com/reference/chat: its messages are much like OpenAI's."""
    found = openai_chat(body)
    roles = {message["role"] for message in body["messages"]}
    if not roles <= {"system", "user", "assistant", "tool"}:
        found.append(f"roles {roles}")
    for message in body["messages"]:
        for call in message.get("tool_calls") or []:
            if not isinstance(json.loads(call["function"]["arguments"] or "{}"), dict):
                found.append("arguments are no object")
    return found


def _base64(data: str) -> list[str]:
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        return [f"no base64: {data[:40]}"]
    return []


RULES: Mapping[str, Callable[[Any], list[str]]] = {
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock": converse,
    "cohere": cohere,
    "openai": openai_chat,
}
"""By family."""
