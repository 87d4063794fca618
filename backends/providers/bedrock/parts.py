"""Content parts of OpenAI's messages as Converse's content blocks: text, images, documents, audio, video.

Converse takes bytes, or an address in S3; it fetches nothing, and neither does the gateway.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.errors import NotCarried

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?;base64,(.*)", re.DOTALL)
_IMAGES: Mapping[str, str] = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
)
_DOCUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    }
)
_VIDEOS = frozenset({"mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv"})
_VIDEO_TYPES: Mapping[str, str] = MappingProxyType(
    {"x-matroska": "mkv", "quicktime": "mov", "x-flv": "flv", "x-ms-wmv": "wmv", "3gpp": "three_gp"}
)
# A document's name may hold these alone, and no two spaces in a row.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\s\-()\[\]]")
_SPACES = re.compile(r"\s+")
_LONGEST_NAME = 200


def render_content(content: Any, where: str) -> list[dict[str, Any]]:
    """A message's content, a string or a list of parts. `where` is its place in the caller's body. Raises NotCarried.

    Blank texts are left out: Converse refuses them.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}] if content.strip() else []
    blocks: list[dict[str, Any]] = []
    for index, part in enumerate(content):
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        if isinstance(part, Mapping):
            blocks += _part(part, f"{where}[{index}]")
            blocks += cache_point(part.get("cache_control"))
    return blocks


def cache_point(control: Any) -> list[dict[str, Any]]:
    """Anthropic's `cache_control` as the block that stands behind what it marks.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """
    if not isinstance(control, Mapping):
        return []
    point = {"type": "default"}
    if control.get("ttl") in ("5m", "1h"):
        point["ttl"] = str(control["ttl"])
    return [{"cachePoint": point}]


def _part(part: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    kind = part.get("type")
    if kind in ("text", "refusal", "input_text", "output_text"):
        text = part.get("text", part.get("refusal"))
        return [{"text": text}] if isinstance(text, str) and text.strip() else []
    if kind == "image_url":
        return [{"image": _image(_url(part.get("image_url")), where)}]
    if kind == "file":
        return [{"document": _document(part.get("file"), part, where)}]
    if kind == "input_audio":
        sound = part.get("input_audio")
        if isinstance(sound, Mapping) and sound.get("data"):
            return [{"audio": {"format": str(sound.get("format") or "wav"), "source": {"bytes": sound["data"]}}}]
    if kind == "video_url":
        return [{"video": _video(_url(part.get("video_url")), where)}]
    raise NotCarried(where, f"Bedrock's Converse has no words for a content part of the type {str(kind)[:60]!r}.")


def _url(value: Any) -> str:
    url = value.get("url") if isinstance(value, Mapping) else value
    return url if isinstance(url, str) else ""


def _data(url: str, where: str, what: str) -> tuple[str, dict[str, Any]]:
    """Media type and source of a data URL, or of an object in S3."""
    if url.startswith("s3://"):
        return url.rpartition(".")[2].lower(), {"s3Location": {"uri": url}}
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise NotCarried(where, f"Bedrock fetches no URLs: send the {what} as a data URL (data:...;base64,...).")
    return found[1].lower(), {"bytes": found[2]}


def _image(url: str, where: str) -> dict[str, Any]:
    media, source = _data(url, where, "image")
    kind = _IMAGES.get(media) or _IMAGES.get(f"image/{media}")
    if kind is None:
        raise NotCarried(where, f"Bedrock takes PNG, JPEG, GIF and WebP images, not {media[:60]!r}.")
    return {"format": kind, "source": source}


def _video(url: str, where: str) -> dict[str, Any]:
    media, source = _data(url, where, "video")
    kind = media.rpartition("/")[2]
    kind = _VIDEO_TYPES.get(kind, kind)
    if kind not in _VIDEOS and kind != "three_gp":
        raise NotCarried(where, f"Bedrock takes no video of the type {media[:60]!r}.")
    return {"format": kind, "source": source}


def _document(file: Any, part: Mapping[str, Any], where: str) -> dict[str, Any]:
    """OpenAI's `file` part: `file_data` is a data URL (or bare base64), `filename` its name. Uploads live elsewhere."""
    data = file.get("file_data") if isinstance(file, Mapping) else None
    if not isinstance(data, str) or not data:
        raise NotCarried(where, "Bedrock knows no uploaded files: send the document in file.file_data.")
    name = str(file.get("filename") or "document")
    stem, _, suffix = name.rpartition(".")
    if ":" in data[:12]:  # an address of some kind; base64 has no colon
        media, source = _data(data, where, "document")
    else:
        media, source = "", {"bytes": data}
    kind = _DOCUMENTS.get(media)
    if kind is None:
        kind = next((known for known in _DOCUMENTS.values() if known in (suffix.lower(), media)), None)
    if kind is None:
        raise NotCarried(where, f"Bedrock takes no document of the type {(media or suffix)[:60]!r}.")
    document: dict[str, Any] = {"format": kind, "name": _document_name(stem or name), "source": source}
    for option in ("citations", "context"):  # as Anthropic writes them in a document
        if part.get(option):
            document[option] = part[option]
    return document


def _document_name(name: str) -> str:
    clean = _SPACES.sub(" ", _NOT_IN_NAMES.sub(" ", name)).strip()
    return clean[:_LONGEST_NAME] or "document"
