"""Gemini's generateContent. Field names are accepted in both of protobuf's spellings."""

import re
from typing import Any

from tests.replay.requests.asked import Asked, Turn, arguments, asked, result_text


def read_request(body: Any) -> Asked:
    """Contents in their order."""
    body = _camel(body)
    system = [part.get("text") or "" for part in (body.get("systemInstruction") or {}).get("parts") or []]
    turns: list[Turn] = []
    for content in body["contents"]:
        role = "assistant" if content.get("role") == "model" else "user"
        turns += [turn for part in content["parts"] for turn in _turns(role, part)]
    config = body.get("generationConfig") or {}
    settings = {
        "max_tokens": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
    }
    declared = [each for tool in body.get("tools") or [] for each in tool.get("functionDeclarations") or []]
    return asked(system, turns, [each["name"] for each in declared], settings)


def _turns(role: str, part: Any) -> list[Turn]:
    if part.get("thought"):
        return []
    if "text" in part:
        return [(role, part["text"])]
    if "inlineData" in part:
        return [("media", part["inlineData"]["data"])]
    if "fileData" in part:
        return [("media", part["fileData"]["fileUri"])]
    if "functionCall" in part:
        return [("call", part["functionCall"]["name"], arguments(part["functionCall"].get("args")))]
    if "functionResponse" in part:
        response = part["functionResponse"]["response"]
        inner = response
        if (
            isinstance(response, dict)
            and len(response) == 1
            and set(response) <= {"result", "output", "content", "error"}
        ):
            inner = next(iter(response.values()))
        pictures = [turn for each in part["functionResponse"].get("parts") or [] for turn in _turns(role, each)]
        return [("result", result_text(inner)), *pictures]
    return [("other",)]


def _camel(value: Any, *, deep: int = 5) -> Any:
    """Only where names are the format's own: not inside arguments, results and schemas."""
    if isinstance(value, list):
        return [_camel(each, deep=deep) for each in value]
    if not isinstance(value, dict) or deep == 0:
        return value
    found = {}
    for name, inner in value.items():
        spelled = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
        own = spelled in ("args", "response", "parameters", "responseSchema", "parametersJsonSchema")
        found[spelled] = inner if own else _camel(inner, deep=deep - 1)
    return found
