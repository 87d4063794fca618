"""OpenAI's chat completions, and Cohere's chat, whose messages are alike."""

from typing import Any

from tests.replay.requests.asked import Asked, Turn, arguments, asked, result_text, texts_of


def read_request(body: Any, *, late_system_is_said: bool = False) -> Asked:
    """Which of two names a setting has does not matter.

    `late_system_is_said`: system messages that come after others are taken for the user's words, in their place.
    """
    system: list[str] = []
    turns: list[Turn] = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer") and turns and late_system_is_said:
            turns += [("user", text) for text in texts_of(content)]
        elif role in ("system", "developer"):
            system += texts_of(content)
        elif role in ("tool", "function"):
            turns.append(("result", result_text(content)))
            turns += [turn for part in _parts(content) for turn in _user(part) if turn[0] == "media"]
        elif role == "assistant":
            turns += [("assistant", text) for text in texts_of(_without_thoughts(content))]
            turns += [
                ("call", call["function"]["name"], arguments(call["function"].get("arguments")))
                for call in message.get("tool_calls") or []
            ]
        else:
            turns += [turn for part in _parts(content) for turn in _user(part)]
    settings = {
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p") if "top_p" in body else body.get("p"),
    }
    tools = [tool["function"]["name"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
    return asked(system, turns, tools, settings)


def _without_thoughts(content: Any) -> Any:
    if isinstance(content, list):
        return [part for part in content if part.get("type") not in ("thinking", "reasoning")]
    return content


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _user(part: Any) -> list[Turn]:
    if "image_url" in part:
        image = part["image_url"]
        url = image if isinstance(image, str) else image["url"]
        return [("media", url.split("base64,")[-1])]
    held = part.get("file") or part.get("input_audio") or {}
    data = (held.get("file_data") or held.get("data")) if isinstance(held, dict) else held  # Mistral's is bare
    if data:
        return [("media", data.split("base64,")[-1])]
    return [("user", part.get("text") or "")] if part.get("type") in ("text", None) else [("other",)]
