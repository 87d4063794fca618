"""Content blocks of Anthropic's → parts of a chat's message. https://docs.anthropic.com/en/api/messages#body-messages-content"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from gateway.errors import InvalidRequest

Part = dict[str, Any]
Block = Mapping[str, Any]


def fault(path: str, text: str) -> InvalidRequest:
    """As Anthropic says it: the path, then what is wrong."""
    return InvalidRequest(f"{path}: {text}", param=path)


def blocks_in(content: Any, path: str) -> list[tuple[str, Block]]:
    """Each with its path."""
    if type(content) is not list:
        raise fault(path, "Input should be a string or an array of content blocks")
    blocks: list[tuple[str, Block]] = []
    for index, block in enumerate(content):
        if type(block) is not dict:
            raise fault(f"{path}.{index}", "Input should be an object")
        if type(block.get("type")) is not str:
            raise fault(f"{path}.{index}.type", "Field required")
        blocks.append((f"{path}.{index}", block))
    return blocks


def string_in(block: Block, name: str, path: str) -> str:
    """A field that must be a string."""
    value = block.get(name)
    if type(value) is not str:
        raise fault(f"{path}.{name}", "Field required" if value is None else "Input should be a valid string")
    return value


def text_part(block: Block, path: str) -> Part:
    """A block of text, with its mark for the cache."""
    part: Part = {"type": "text", "text": string_in(block, "text", path)}
    if block.get("cache_control"):
        part["cache_control"] = block["cache_control"]
    return part


def _source(block: Block, path: str) -> Block:
    source = block.get("source")
    if type(source) is not dict:
        raise fault(f"{path}.source", "Field required" if source is None else "Input should be an object")
    return source


def source_type(block: Block) -> str:
    """What the source of an image or a document is, to be shown."""
    source = block.get("source")
    return shown(source.get("type")) if isinstance(source, dict) else ""


def _data_url(source: Block, path: str) -> str:
    return f"data:{string_in(source, 'media_type', path)};base64,{string_in(source, 'data', path)}"


def _image(block: Block, path: str) -> list[Part] | None:
    source, at = _source(block, path), f"{path}.source"
    if source.get("type") == "base64":
        return [{"type": "image_url", "image_url": {"url": _data_url(source, at)}}]
    if source.get("type") == "url":
        return [{"type": "image_url", "image_url": {"url": string_in(source, "url", at)}}]
    return None


def _document(block: Block, path: str) -> list[Part] | None:
    """A PDF is a file; anything that is text already stays text, with its title before it."""
    source, at = _source(block, path), f"{path}.source"
    kind, title = source.get("type"), block.get("title")
    name = title if isinstance(title, str) and title else "document.pdf"
    if kind == "base64":
        return [{"type": "file", "file": {"filename": name, "file_data": _data_url(source, at)}}]
    if kind == "url":
        return [{"type": "file", "file": {"filename": name, "file_data": string_in(source, "url", at)}}]
    head: list[Part] = [
        {"type": "text", "text": line} for line in (title, block.get("context")) if isinstance(line, str) and line
    ]
    if kind == "text":
        return [*head, {"type": "text", "text": string_in(source, "data", at)}]
    if kind == "content":
        inner = source.get("content")
        if isinstance(inner, str):
            return [*head, {"type": "text", "text": inner}]
        return head + [part for spot, one in blocks_in(inner, f"{at}.content") for part in _inner(one, spot)]
    return None


def _inner(block: Block, path: str) -> list[Part]:
    return (_image(block, path) or []) if block.get("type") == "image" else [text_part(block, path)]


def _search_result(block: Block, path: str) -> list[Part]:
    head = "\n".join(str(block[name]) for name in ("title", "source") if block.get(name))
    found = [text_part(inner, at) for at, inner in blocks_in(block.get("content"), f"{path}.content")]
    return [{"type": "text", "text": head}, *found] if head else found


PARTS: Mapping[str, Callable[[Block, str], list[Part] | None]] = MappingProxyType(
    {"image": _image, "document": _document, "search_result": _search_result}
)
"""By type; None: its source can't be read by anybody but Anthropic."""


def tool_call(block: Block, path: str) -> dict[str, Any]:
    """A tool_use block."""
    given = block.get("input")
    if type(given) is not dict:
        raise fault(f"{path}.input", "Field required" if given is None else "Input should be an object")
    try:
        arguments = orjson.dumps(given).decode()
    except orjson.JSONEncodeError as error:  # it reads deeper nesting than it writes
        raise fault(f"{path}.input", "Input is nested too deeply") from error
    function = {"name": string_in(block, "name", path), "arguments": arguments}
    return {"id": string_in(block, "id", path), "type": "function", "function": function}


def as_content(parts: list[Part]) -> Any:
    """One text alone is a string, which everybody understands."""
    return parts[0]["text"] if len(parts) == 1 and parts[0].keys() == {"type", "text"} else parts


def as_error(parts: list[Part]) -> list[Part]:
    """A chat has no field for a tool that failed, so its result has to say so."""
    first = parts[0].get("text") if parts else None
    if isinstance(first, str):
        return parts if "error" in first[:80].lower() else [{**parts[0], "text": f"Error: {first}"}, *parts[1:]]
    return [{"type": "text", "text": "Error"}, *parts]


def shown(value: Any) -> str:
    """What may be repeated of a caller's word."""
    return str(value)[:60]
