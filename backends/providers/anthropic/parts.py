"""Content parts of OpenAI's chat as Anthropic's content blocks.

https://docs.anthropic.com/en/docs/build-with-claude/vision, https://docs.anthropic.com/en/docs/build-with-claude/pdf-support
"""

import base64
import binascii
import re
from typing import Any

from backends.errors import NotCarried

FILES_BETA = "files-api-2025-04-14"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_THINKING = frozenset({"thinking", "redacted_thinking"})
_OWN = frozenset({"image", "document", "search_result", "container_upload", "tool_reference"})
"""Anthropic's own blocks, from callers who write them into OpenAI's messages: they pass."""


def render_parts(content: Any, param: str) -> list[dict[str, Any]]:
    """A message's content as blocks; blank texts, which Anthropic refuses, are nothing. Raises NotCarried."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    if not isinstance(content, list):
        return []
    blocks = []
    for index, part in enumerate(content):
        block = _render(part, f"{param}[{index}]")
        if block is not None:
            if isinstance(part, dict) and part.get("cache_control"):
                block["cache_control"] = part["cache_control"]
            blocks.append(block)
    return blocks


def _render(part: Any, param: str) -> dict[str, Any] | None:
    if isinstance(part, str):
        return {"type": "text", "text": part} if part.strip() else None
    kind = str(part.get("type")) if isinstance(part, dict) else ""
    if kind == "text" or kind == "refusal":
        text = part.get(kind)
        return {"type": "text", "text": text} if isinstance(text, str) and text.strip() else None
    if kind == "image_url":
        image = part.get("image_url")
        return _image(image.get("url") if isinstance(image, dict) else image, f"{param}.image_url.url")
    if kind == "file":
        return _file(part.get("file"), f"{param}.file")
    if kind in _OWN:
        return dict(part)
    if kind in _THINKING:  # within an answer's content: Mistral's, which Claude can't take up, or Claude's own
        return dict(part) if part.get("signature") or part.get("data") else None
    raise NotCarried(f"{param}.type", f"Claude reads text, images and documents, no part of type {kind[:60]!r}.")


def _image(url: Any, param: str) -> dict[str, Any]:
    if not isinstance(url, str) or not url:
        raise NotCarried(param, "An image needs a URL: https://… or data:image/png;base64,…")
    if url[:5].lower() != "data:":
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _inline(url, param)
    return {"type": "image", "source": {"type": "base64", "media_type": media or "image/png", "data": data}}


def _file(file: Any, param: str) -> dict[str, Any]:
    if not isinstance(file, dict):
        raise NotCarried(param, "A file part needs a file with file_data or file_id.")
    data, name = file.get("file_data") or file.get("file_url"), file.get("filename")
    if isinstance(data, str) and data:
        return _document(data, name, f"{param}.file_data")
    number = file.get("file_id")
    if isinstance(number, str) and number.startswith("file_"):  # Anthropic's; OpenAI's begin with `file-`
        return {"type": "document", "source": {"type": "file", "file_id": number}}
    raise NotCarried(f"{param}.file_id", "Another provider's file can't be read here: send it as file_data.")


def _document(data: str, name: Any, param: str) -> dict[str, Any]:
    if data[:5].lower() == "data:":
        media, data = _inline(data, param)
    elif data.startswith(("https://", "http://")):
        return _titled({"type": "url", "url": data}, name)
    else:
        media = "application/pdf"
    if media.startswith("image/"):
        return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}
    if media == "application/pdf":
        return _titled({"type": "base64", "media_type": media, "data": data}, name)
    if media.startswith("text/") or media == "application/json":
        return _titled({"type": "text", "media_type": "text/plain", "data": _decoded(data, param)}, name)
    raise NotCarried(param, f"Claude reads PDF, text and images, not {media[:60]}.")


def _titled(source: dict[str, Any], name: Any) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "document", "source": source}
    if isinstance(name, str) and name:
        block["title"] = name
    return block


def _inline(url: str, param: str) -> tuple[str, str]:
    found = _DATA_URL.match(url)
    if found is None or not found[3]:
        raise NotCarried(param, "A data URL must be of the form data:TYPE/SUBTYPE;base64,…")
    return (found[1] or "").lower(), url[found.end() :]


def _decoded(data: str, param: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotCarried(param, "A text file must be UTF-8, in base64.") from error
