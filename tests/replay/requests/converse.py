"""Bedrock's Converse."""

from typing import Any

from tests.replay.requests.asked import Asked, Turn, arguments, asked, result_text


def read_request(body: Any) -> Asked:
    """Blocks in their order; marks of the cache are no content."""
    system = [block.get("text") or "" for block in body.get("system") or []]
    turns: list[Turn] = []
    for message in body["messages"]:
        turns += [turn for block in message["content"] for turn in _turns(message["role"], block)]
    config = body.get("inferenceConfig") or {}
    settings = {
        "max_tokens": config.get("maxTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
    }
    tools = [
        tool["toolSpec"]["name"] for tool in (body.get("toolConfig") or {}).get("tools") or [] if "toolSpec" in tool
    ]
    return asked(system, turns, tools, settings)


def _turns(role: str, block: Any) -> list[Turn]:
    if "text" in block:
        return [(role, block["text"])]
    for kind in ("image", "document", "audio"):
        if kind in block:
            return [("media", block[kind]["source"].get("bytes") or "")]
    if "toolUse" in block:
        return [("call", block["toolUse"]["name"], arguments(block["toolUse"].get("input")))]
    if "toolResult" in block:
        content = block["toolResult"].get("content") or []
        pictures = [turn for each in content if "image" in each for turn in _turns(role, each)]
        return [("result", result_text([each for each in content if "image" not in each])), *pictures]
    return [] if "reasoningContent" in block or "cachePoint" in block else [("other",)]
