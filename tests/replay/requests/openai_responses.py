"""OpenAI's responses."""

from typing import Any

from tests.replay.requests.asked import Asked, Turn, arguments, asked, result_text, texts_of


def read_request(body: Any) -> Asked:
    """Items in their order."""
    system = texts_of(body.get("instructions"))
    turns: list[Turn] = []
    given = body.get("input")
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given or []:
        kind = item.get("type", "message")
        if kind == "message" and item["role"] in ("system", "developer"):
            system += texts_of(item["content"])
        elif kind == "message":
            content = item["content"]
            parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
            turns += [turn for part in parts for turn in _turns(item["role"], part)]
        elif kind == "function_call":
            turns.append(("call", item["name"], arguments(item["arguments"])))
        elif kind == "function_call_output":
            turns.append(("result", result_text(item["output"])))
            inner = item["output"] if isinstance(item["output"], list) else []
            turns += [turn for part in inner for turn in _turns("user", part) if turn[0] == "media"]
        elif kind != "reasoning":
            turns.append(("other",))
    settings = {
        "max_tokens": body.get("max_output_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
    }
    tools = [tool["name"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
    return asked(system, turns, tools, settings)


def _turns(role: str, part: Any) -> list[Turn]:
    if part["type"] in ("input_text", "output_text", "text"):
        return [(role, part["text"])]
    if part["type"] == "input_image":
        return [("media", (part.get("image_url") or "").split("base64,")[-1])]
    if part["type"] == "input_file":
        return [("media", (part.get("file_data") or part.get("file_url") or "").split("base64,")[-1])]
    return [("other",)]
