"""Images, sound and files as Gemini's parts: bytes inline, addresses by reference.

https://ai.google.dev/gemini-api/docs/file-input-methods, https://ai.google.dev/api/caching#Part
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.errors import NotCarried

Part = dict[str, Any]

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|gs)://\S+$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.([a-z0-9]{2,5})(?:$|[?#])", re.IGNORECASE)
# Gemini must be told what stands behind an address; where its name doesn't tell, the likeliest of its kind.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
        "gif": "image/gif",
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "mp3": "audio/mp3",
        "wav": "audio/wav",
        "ogg": "audio/ogg",
        "flac": "audio/flac",
        "aac": "audio/aac",
        "aiff": "audio/aiff",
        "mp4": "video/mp4",
        "mov": "video/mov",
        "webm": "video/webm",
        "mpeg": "video/mpeg",
    }
)
_YOUTUBE = re.compile(r"https?://(?:www\.)?(?:youtube\.com|youtu\.be)/", re.IGNORECASE)


def media_part(part: Mapping[str, Any], where: str) -> Part | None:
    """A content part of OpenAI's that is no text; None for one that is. `where` names it. Raises NotCarried."""
    kind = part.get("type")
    if kind in ("image_url", "video_url"):
        given = part.get(kind)
        url = given.get("url") if isinstance(given, Mapping) else given
        return from_url(url, f"{where}.{kind}", "video/mp4" if kind == "video_url" else "image/jpeg")
    if kind == "input_audio":
        sound = _object(part, "input_audio", where)
        form = sound.get("format") or "wav"
        return {"inlineData": {"mimeType": _TYPES.get(str(form), f"audio/{form}"), "data": sound.get("data")}}
    if kind == "file":
        return _file(_object(part, "file", where), f"{where}.file")
    return None


def from_url(url: Any, where: str, likeliest: str) -> Part:
    """A data URL's bytes inline, any other address by reference. The gateway never fetches one."""
    if not isinstance(url, str):
        raise NotCarried(where, "A URL must be a string.")
    data = _DATA_URL.match(url)
    if data is not None:
        if data[3] is None:
            raise NotCarried(where, "A data URL must be in base64 for this provider.")
        return {"inlineData": {"mimeType": data[1] or likeliest, "data": url[data.end() :]}}
    if not _ADDRESS.match(url):
        raise NotCarried(where, "This provider takes data URLs, https:// and gs:// addresses.")
    if _YOUTUBE.match(url):
        return {"fileData": {"fileUri": url}}
    suffix = _SUFFIX.search(url)
    return {"fileData": {"mimeType": _TYPES.get(suffix[1].lower(), likeliest) if suffix else likeliest, "fileUri": url}}


def _file(file: Mapping[str, Any], where: str) -> Part:
    """OpenAI's file: its data, or the address of one that was uploaded to Google."""
    data, uploaded = file.get("file_data"), file.get("file_id")
    if isinstance(data, str):
        if data.startswith("data:") or _ADDRESS.match(data):
            return from_url(data, where, "application/pdf")
        suffix = _SUFFIX.search(str(file.get("filename") or ""))
        kind = _TYPES.get(suffix[1].lower(), "application/pdf") if suffix else "application/pdf"
        return {"inlineData": {"mimeType": kind, "data": data}}
    if isinstance(uploaded, str) and _ADDRESS.match(uploaded):
        part: Part = {"fileUri": uploaded}
        if isinstance(file.get("format"), str):
            part["mimeType"] = file["format"]
        return {"fileData": part}
    raise NotCarried(
        where, "This provider doesn't know that file: send its data, or the address of Google's Files API."
    )


def _object(part: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = part.get(name)
    if not isinstance(value, Mapping):
        raise NotCarried(f"{where}.{name}", f"'{name}' must be an object.")
    return value
