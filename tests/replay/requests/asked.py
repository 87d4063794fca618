"""What a request asks, in nobody's format. White space between the parts of a text is nobody's meaning."""

import json
import re
from typing import Any, NamedTuple

Turn = tuple[str, ...]


class Asked(NamedTuple):
    """One request."""

    system: str = ""
    turns: tuple[Turn, ...] = ()
    """("user", text), ("assistant", text), ("media", its data or address), ("call", name, arguments),
    ("result", text), each in its order."""
    tools: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()


def asked(system: list[str], turns: list[Turn], tools: list[str], settings: dict[str, Any]) -> Asked:
    """Texts that follow each other in one turn are one text."""
    merged: list[Turn] = []
    for turn in turns:
        kind, *rest = turn
        if kind in ("user", "assistant"):
            words = squeezed(rest[0])
            if not words:
                continue
            if merged and merged[-1][0] == kind:
                merged[-1] = (kind, merged[-1][1] + words)
                continue
            merged.append((kind, words))
        elif kind == "result":
            merged.append((kind, squeezed(rest[0])))
        else:
            merged.append(turn)
    told = {name: value for name, value in settings.items() if value is not None and value != []}
    return Asked(squeezed("".join(system)), tuple(merged), tuple(tools), tuple(sorted(told.items(), key=str)))


def squeezed(text: str) -> str:
    """Without white space."""
    return re.sub(r"\s+", "", text)


def arguments(value: Any) -> str:
    """A call's arguments, so that two spellings of one object are equal."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            return squeezed(value)
    return json.dumps(value or {}, sort_keys=True, ensure_ascii=False)


def result_text(content: Any) -> str:
    """A result's text, however it is wrapped. JSON is spelled one way."""
    if isinstance(content, list):
        return "".join(result_text(part) for part in content)
    if isinstance(content, dict):
        if "text" in content:
            return result_text(content["text"])
        if "json" in content:
            return _spelled(content["json"])
        if content.get("type") in ("image", "image_url", "input_image", "document"):
            return ""
        return _spelled(content)
    return _spelled(content) if not isinstance(content, str) else _respelled(content)


def _respelled(text: str) -> str:
    try:
        return _spelled(json.loads(text))
    except ValueError:
        return text


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def texts_of(content: Any) -> list[str]:
    """The texts of a content that is a string, or parts."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    return [part if isinstance(part, str) else part.get("text") or "" for part in content]
