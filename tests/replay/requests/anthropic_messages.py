"""Anthropic's messages."""

from typing import Any

from tests.replay.requests.asked import Asked, Turn, arguments, asked, result_text, texts_of


def read_request(body: Any, *, late_system_is_said: bool = False) -> Asked:
    """Thoughts of earlier turns are no words of anybody's."""
    turns: list[Turn] = []
    system = texts_of(body.get("system"))
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "system" and not late_system_is_said:
            system += texts_of(content)
            continue
        for block in blocks:
            turns += _turns("user" if message["role"] == "system" else message["role"], block)
    settings = {name: body.get(name) for name in ("max_tokens", "temperature", "top_p")}
    return asked(system, turns, [tool["name"] for tool in body.get("tools") or []], settings)


def _turns(role: str, block: Any) -> list[Turn]:
    kind = block["type"]
    if kind == "text":
        return [(role, block["text"])]
    if kind == "document" and block["source"]["type"] == "text":
        return [(role, (block.get("title") or "") + block["source"]["data"])]
    if kind in ("image", "document"):
        return [("media", block["source"].get("data") or block["source"].get("url") or "")]
    if kind == "tool_use":
        return [("call", block["name"], arguments(block.get("input")))]
    if kind == "tool_result":
        content = block.get("content") or ""
        inner = content if isinstance(content, list) else []
        pictures = [turn for part in inner if part.get("type") in ("image", "document") for turn in _turns(role, part)]
        return [("result", result_text(content)), *pictures]
    return [] if kind in ("thinking", "redacted_thinking") else [("other",)]
